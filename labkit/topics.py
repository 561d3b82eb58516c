"""The syllabus: one key names a topic in every room of the house."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Topic:
    """One entry of the course: its number, key, module below ``labkit``, subject and source decks."""

    nr: int
    key: str
    module: str
    title: str
    decks: tuple[str, ...]

    @property
    def slug(self) -> str:
        """The name of its notebooks, as in ``04_attacks``."""
        return f"{self.nr:02d}_{self.key}"

    @property
    def planned(self) -> bool:
        """Whether it stands in the syllabus and nothing of it is written yet."""
        place = Path(__file__).parent.joinpath(*self.module.split("."))
        return not (place.is_dir() or place.with_suffix(".py").is_file())


SYLLABUS = (
    Topic(0, "start", "", "The course, the machine, how grading works", ()),
    Topic(1, "images", "augment.image", "Image transforms", ("000", "001", "002", "003")),
    Topic(2, "mixing", "augment.mixing", "Mixing examples", ("000", "002")),
    Topic(3, "selftrain", "selftrain", "Self-training", ("000", "002")),
    Topic(4, "attacks", "attacks", "Adversarial examples", ("000", "001", "003")),
    Topic(5, "text", "augment.text", "Text", ("002",)),
    Topic(6, "audio", "augment.audio", "Audio", ("002",)),
    Topic(7, "video", "augment.video", "Video", ("002",)),
    Topic(8, "series", "augment.series", "Time series", ("002",)),
    Topic(9, "medical", "augment.medical", "Medical images", ("002",)),
    Topic(10, "learned", "learned", "Learned augmentation", ("002", "003")),
    Topic(11, "style", "style", "Style transfer", ("002", "003")),
    Topic(12, "gan", "gan", "Generative adversarial networks", ("002", "003", "004")),
    Topic(13, "refine", "refine", "Simulated and unsupervised learning", ("004",)),
    Topic(14, "finetune", "finetune", "Fine-tuning", ("002", "003")),
    Topic(15, "transfer", "transfer", "The taxonomy of transfer", ("003",)),
    Topic(16, "domain", "domain", "Domain-adversarial networks", ("004",)),
    Topic(17, "fair", "fair", "Fair representations", ("004",)),
    Topic(18, "linkage", "linkage", "Anonymisation and linkage", ("004",)),
    Topic(19, "membership", "membership", "Membership attacks", ("004",)),
    Topic(20, "dti", "dti", "Transformation-invariant clustering", ("004",)),
)


def find(name: str) -> Topic:
    """The topic called ``name``: its key, number or slug.

    Raises:
        ValueError: if there is none, with the keys there are.
    """
    wanted = name.strip().lower()
    for topic in SYLLABUS:
        if wanted in (topic.key, topic.slug, str(topic.nr), f"{topic.nr:02d}"):
            return topic
    raise ValueError(f"no topic is called {name!r}; the topics are {', '.join(t.key for t in SYLLABUS)}")
