"""`import labkit`: costs next to nothing, and makes a later `import torchvision` work under a CPU build of torch."""

import subprocess
import sys
import textwrap

import pytest


def python(code, **env):
    import os

    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | env,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_importing_labkit_imports_neither_torch_nor_anything_heavy():
    loaded = python("import labkit, sys; print(*sorted(m.partition('.')[0] for m in sys.modules))").split()
    assert not {"torch", "numpy", "torchvision", "matplotlib", "IPython", "ipywidgets", "nbgrader"} & set(loaded)


@pytest.mark.parametrize("first", ["torchvision", "torchvision.transforms.v2", "kornia"])
def test_torchvision_works_after_labkit(first):
    assert "uint8" in python(f"""
        import labkit
        import {first}
        import torch
        from torchvision.transforms import v2
        print(v2.functional.horizontal_flip(torch.zeros(3, 2, 2, dtype=torch.uint8)).dtype)
    """)


def test_it_works_after_torchvision_failed_without_it():
    assert "model" in python("""
        try:
            import torchvision
        except RuntimeError:
            pass
        import labkit
        import torchvision.models
        print("model", torchvision.models.squeezenet1_0)
    """)


def test_models_features_and_datasets_work_under_the_remedy():
    assert "(1, 2)" in python("""
        import labkit, torch
        from torchvision.models import squeezenet1_1
        from torchvision.models.feature_extraction import create_feature_extractor
        import torchvision.datasets
        net = squeezenet1_1(num_classes=2).eval()
        features = create_feature_extractor(net, ["features.3"])(torch.zeros(1, 3, 64, 64))
        assert features["features.3"].shape[1] == 128
        print(tuple(net(torch.zeros(1, 3, 64, 64)).shape))
    """)


def test_installing_twice_leaves_one_finder():
    assert python("""
        import labkit, sys
        from labkit import _torchvision
        _torchvision.install()
        print(sum(type(f).__name__ == "_BeforeTorchvision" for f in sys.meta_path))
    """).split() == ["1"]


def test_a_missing_torchvision_is_reported_as_missing():
    assert "No module named" in python("""
        import sys
        import labkit
        sys.path = [p for p in sys.path if "site-packages" not in p]
        sys.path_importer_cache.clear()
        try:
            import torchvision
        except ModuleNotFoundError as error:
            print(error)
    """)
