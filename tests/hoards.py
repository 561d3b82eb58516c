"""Ways to make the kernel hold memory that is no process's own. Each counts in ``held`` what it got."""

SETUP = """
import ctypes, fcntl, mmap, os, platform, select, signal, socket, time

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
held, MOST = 0, 1 << 30


def call(x86, arm, *arguments):
    number = x86 if platform.machine() == "x86_64" else arm
    if (got := libc.syscall(ctypes.c_long(number), *arguments)) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return got


def fill(sock, size=65536):
    global held
    sock.setblocking(False)
    try:
        while held < MOST:
            held += sock.send(b"x" * size)
    except OSError:
        return


def forks(count, work):
    for _ in range(count):
        if os.fork() == 0:
            work()
            time.sleep(600)
            os._exit(0)
    work()
    time.sleep(3)


def pairs(kind=socket.SOCK_STREAM, size=65536):
    try:
        while held < MOST:
            both = socket.socketpair(socket.AF_UNIX, kind)
            keep.extend(both)
            for sock in both:
                fill(sock, size)
    except OSError as error:
        print(error)


keep = []
"""

HOARDS = {
    "semaphores of System V": """
while held < MOST:
    call(64, 190, 0, 30000, 0o600)
    held += 30000 * 64
""",
    "messages of System V": """
while held < MOST:
    queue = call(68, 186, 0, 0o600)
    text = ctypes.create_string_buffer(8 + 8192)
    text[0] = 1
    while libc.msgsnd(queue, text, 8192, 0o4000) == 0:
        held += 8192
""",
    "a segment of System V": """
call(29, 194, 0, MOST, 0o1600)
held = MOST
""",
    "messages of POSIX": """
while held < MOST:
    call(240, 180, b'q%d' % (held // 8192), 0o102, 0o600, None)
    held += 8192
""",
    "a file in memory": """
os.memfd_create('x')
held = MOST
""",
    "sockets that nobody reads": """
pairs()
""",
    "datagrams that nobody reads": """
pairs(socket.SOCK_DGRAM, 20_000)
""",
    "sockets that nobody reads, in many processes": """
forks(12, pairs)
""",
    "sockets with larger buffers": """
own = socket.socketpair
def larger(*a):
    both = own(*a)
    for sock in both:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    return both
socket.socketpair = larger
pairs()
""",
    "connections that nobody accepts": """
try:
    for number in range(10_000):
        server = socket.socket(socket.AF_UNIX)
        server.bind(f"\\0{number}")
        server.listen(4096)
        keep.append(server)
        try:
            while held < MOST:
                with socket.socket(socket.AF_UNIX) as client:
                    client.setblocking(False)
                    client.connect(f"\\0{number}")
                    fill(client)
        except BlockingIOError:
            continue
except OSError as error:
    print(error)
""",
    "sockets in sockets": """
while held < MOST:
    one, other = socket.socketpair()
    keep += [one, other]
    for _ in range(100):
        first, second = socket.socketpair()
        fill(first)
        socket.send_fds(one, [b"x"], [first.fileno(), second.fileno()])
        first.close()
        second.close()
""",
    "TCP that nobody reads": """
server = socket.create_server(("127.0.0.1", 0))
while held < MOST:
    client = socket.create_connection(server.getsockname())
    keep += [client, server.accept()[0]]
    fill(client)
    fill(keep[-1])
""",
    "TCP that nobody accepts": """
server = socket.create_server(("127.0.0.1", 0), backlog=4096)
while held < MOST:
    keep.append(socket.create_connection(server.getsockname(), timeout=0.5))
    fill(keep[-1])
""",
    "UDP that nobody reads": """
while held < MOST:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    receiver.bind(("127.0.0.1", 0))
    keep.append(receiver)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(receiver.getsockname())
        for _ in range(200):
            held += sender.send(b"x" * 1400)
""",
    "answers of netlink that nobody reads": """
import struct
while held < MOST:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    sock.bind((0, 0))
    keep.append(sock)
    for number in range(50):
        sock.send(struct.pack("=IHHII", 20, 18, 0x301, number, 0) + bytes(4))
        held += 4096
""",
    "pipes": """
def pipes():
    global held
    try:
        while held < MOST:
            _, end = os.pipe()
            os.set_blocking(end, False)
            try:
                while True:
                    held += os.write(end, bytes(65536))
            except BlockingIOError:
                continue
    except OSError as error:
        print(error)
forks(14, pipes)
held *= 15
""",
    "larger pipes": """
while held < MOST:
    _, end = os.pipe()
    os.set_blocking(end, False)
    fcntl.fcntl(end, 1031, 1 << 20)
    held += os.write(end, bytes(1 << 20))
""",
    "huge pages in pipes": """
class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
while held < MOST:
    _, end = os.pipe()
    for _ in range(16):
        block = mmap.mmap(-1, 4 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        block.madvise(14)
        block.write(bytes(4 << 20))
        at = (ctypes.addressof(ctypes.c_char.from_buffer(block)) + (1 << 21) - 1) & ~((1 << 21) - 1)
        call(278, 75, end, ctypes.byref(Vector(at, 1)), 1, 0)
        held += 2 << 20
        libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t(1 << 21))
""",
    "memory sent without a copy": """
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
client.setsockopt(socket.SOL_SOCKET, 60, 1)
for _ in range(100):
    block = mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    block.write(bytes(1 << 20))
    client.send(memoryview(block)[:4096], 0x4000000)
    held = MOST
""",
    "pages of files sent without a copy": """
while held < MOST:
    one, other = socket.socketpair()
    one.setblocking(False)
    keep += [one, other]
    for _ in range(250):
        with open("page", "w+b", buffering=0) as file:
            file.write(bytes(4096))
            os.sendfile(one.fileno(), file.fileno(), 0, 1)
            held += 4096
""",
    "shared memory that nobody maps": """
block = mmap.mmap(-1, MOST)
for at in range(0, MOST, 16 << 20):
    block[at : at + (16 << 20)] = bytes(16 << 20)
    block.madvise(mmap.MADV_DONTNEED, at, 16 << 20)
    held += 16 << 20
""",
    "shared memory of /dev/zero": """
block = mmap.mmap(os.open("/dev/zero", os.O_RDWR), MOST)
for at in range(0, MOST, 16 << 20):
    block[at : at + (16 << 20)] = bytes(16 << 20)
    block.madvise(mmap.MADV_DONTNEED, at, 16 << 20)
    held += 16 << 20
""",
    "memory that grows down": """
at = libc.mmap(None, ctypes.c_size_t(MOST), 3, 0x122, -1, ctypes.c_long(0))
for number in range(MOST >> 20 if at != 2**64 - 1 else 0):
    ctypes.memset(at + (number << 20), 1, 1 << 20)
    held += 1 << 20
""",
    "tables of pages": """
at = libc.mmap(None, ctypes.c_size_t(512 << 30), 1, 0x4022, -1, ctypes.c_long(0))
for number in range(1 << 18):
    ctypes.c_char.from_address(at + (number << 21)).value
    held += 4096
""",
    "mappings": """
def split():
    global held
    at = libc.mmap(None, ctypes.c_size_t(65_000 * 4096), 1, 0x22, -1, ctypes.c_long(0))
    for number in range(0, 65_000, 2):
        if libc.mprotect(ctypes.c_void_p(at + number * 4096), ctypes.c_size_t(4096), 0) < 0:
            break
        held += 400
forks(14, split)
held *= 15
""",
    "locks": """
for number in range(200):
    descriptor = os.open(f"lock{number}", os.O_RDWR | os.O_CREAT)
    for at in range(8000):
        fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, 2 * at)
        held += 200
""",
    "watched files": """
names = [os.path.join(folder, file) for folder, _, files in os.walk("/usr/share") for file in files][:20_000]
while held < MOST:
    number = libc.inotify_init1(0)
    for name in names:
        if number < 0 or libc.inotify_add_watch(number, name.encode(), 2) < 0:
            raise OSError(ctypes.get_errno(), "refused")
        held += 1100
""",
    "files waited for": """
def wait():
    global held
    polls = [select.epoll() for _ in range(110)]
    files = []
    try:
        while True:
            files.append(os.eventfd(0))
    except OSError:
        pass
    for poll in polls:
        for file in files:
            poll.register(file, 1)
            held += 184
    keep.extend([polls, files])
forks(14, wait)
held *= 15
""",
    "files without contents": """
for number in range(10**6):
    os.close(os.open('f' * 200 + str(number), os.O_CREAT))
    held += 1200
""",
    "terminals": """
while held < MOST:
    for end in os.openpty():
        os.set_blocking(end, False)
        try:
            while True:
                held += os.write(end, b"x\\n" * 2048)
        except BlockingIOError:
            continue
""",
    "signals": """
signal.pthread_sigmask(signal.SIG_BLOCK, [40])
while libc.sigqueue(os.getpid(), 40, ctypes.c_void_p(1)) == 0 and held < MOST:
    held += 160
""",
    "timers": """
timer = ctypes.c_void_p()
while libc.timer_create(1, None, ctypes.byref(timer)) == 0 and held < MOST:
    held += 300
""",
    "requests to read later": """
while held < MOST:
    call(206, 0, 1000, ctypes.byref(ctypes.c_ulong(0)))
    held += 32_000
""",
    "rules that bind itself": """
class Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64)]
class Rule(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64)]
while held < MOST:
    ruleset = call(444, 444, ctypes.byref(Ruleset(0, 3)), 16, 0)
    for port in range(65536):
        call(445, 445, ruleset, 2, ctypes.byref(Rule(1, port)), 0)
        held += 64
""",
}
