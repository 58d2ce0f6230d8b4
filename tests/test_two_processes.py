"""Two processes train and generate as one does, and stop together where they must."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_study import CLASSES
from test_gan_stages import ONE_THREAD, make_study, run_here
from two_processes import CASES, MODEL, gradients_of_one_iteration

from cytobalance.study.cells import read_cells
from cytobalance.study.tables import read_table


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Folder of all that two processes did, with `said`, what they printed."""
    top = tmp_path_factory.mktemp("two")
    alone = make_study(top / "alone", iterations=4, warm_start=2)
    make_study(top / "shared", iterations=4, warm_start=2)
    make_study(top / "odd", batch=7)
    for stage in ("train_gan", "generate"):
        run_here(stage, alone)
    script = Path(__file__).with_name("two_processes.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*command, "--nproc-per-node=2", script, top],
        env=ONE_THREAD,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (top / "said").write_text(done.stdout)
    return top


def errors_of(folder):
    """What ended each piece of work, in the first and in the second process."""
    return [json.loads((folder / f"errors-{k}.json").read_text()) for k in (0, 1)]


@pytest.mark.parametrize("gan, conditioning", CASES)
def test_two_processes_find_the_gradients_of_the_joined_batch(
    gan, conditioning, shared
):
    theirs = torch.load(shared / f"{gan}-{conditioning}.pt", weights_only=True)
    ours = gradients_of_one_iteration(gan, conditioning)
    assert theirs.keys() == ours.keys() and len(ours) > 20
    for name, gradient in ours.items():
        # A bias ahead of a norm has no gradient but rounding: hence the floor.
        scale = max(gradient.abs().max().item(), 0.1)
        torch.testing.assert_close(theirs[name], gradient, rtol=1e-5, atol=1e-5 * scale)


def test_two_processes_train_as_one_does(shared):
    assert [errors["train"] for errors in errors_of(shared)] == ["", ""]
    # The first process speaks for all.
    assert (shared / "said").read_text().count("4 iterations; wrote") == 1
    alone, together = (shared / study / MODEL for study in ("alone", "trained"))
    one, two = (np.load(f / "drawings.npy").astype(int) for f in (alone, together))
    assert np.abs(one - two).max() <= 2  # sums in another order, then grey levels
    one, two = (read_table(folder / "losses.csv") for folder in (alone, together))
    assert list(one) == list(two)
    np.testing.assert_allclose(one["wasserstein"], two["wasserstein"], rtol=0.01)


def test_two_processes_generate_as_one_does(shared):
    assert [errors["generate"] for errors in errors_of(shared)] == ["", ""]
    one, two = (
        read_cells(shared / study / "data/synthetic/heldout/c_wgan_gp")
        for study in ("alone", "shared")
    )
    np.testing.assert_array_equal(one.images, two.images)
    assert one.table.equals(two.table)
    # 70 % of the target of 100, and the neutrophils are more than that already.
    made = one.table["label"].value_counts().reindex(CLASSES, fill_value=0)
    assert made["neutrophil"] == made["lymphocyte"] == 0 < made["monoblast"] < 70
    assert one.images.std() > 1


def test_processes_that_see_different_states_stop(shared):
    for errors in errors_of(shared):
        assert errors["same"] == ""
        assert errors["other"].startswith("the processes see different cells")


def test_a_batch_that_can_not_be_shared_is_refused(shared):
    for errors in errors_of(shared):
        said = "gan.batch 7 can't be shared by 2 processes; choose a multiple"
        assert said in errors["odd"]
    assert not (shared / "odd" / MODEL).exists()
