"""A locked plugin that the image lacks: installed at a first boot where the settings let it, with one restart."""

import hashlib
import http.server
import threading
from dataclasses import replace
from functools import partial

import pytest

from jenkins_bootstrap.boot.local import BootFailed

LACKING = "timestamper"


@pytest.fixture
def mirror(world):
    """An address that serves the plugins at hand, each as what its name says."""
    folder = world.trial.files[LACKING].parent

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{world.trial.files[LACKING].name}"
        server.shutdown()


def lacking(trial, url, sha256):
    """The trial of an image that lacks one plugin, with the settings that let it be installed."""
    plugins = tuple(replace(p, url=url, sha256=sha256) if p.name == LACKING else p for p in trial.carried.plugins)
    boot = trial.settings.controller.boot.model_copy(update={"install_missing_plugins": True})
    controller = trial.settings.controller.model_copy(update={"boot": boot})
    return replace(
        trial,
        settings=trial.settings.model_copy(update={"controller": controller}),
        carried=replace(trial.carried, plugins=plugins),
        files={name: path for name, path in trial.files.items() if name != LACKING},
    )


def test_it_is_installed_with_exactly_one_restart(world, spoiled, mirror, have_plugins):
    have_plugins(LACKING)
    right = hashlib.sha256(world.trial.files[LACKING].read_bytes()).hexdigest()
    controller = spoiled(made=lacking(world.trial, mirror, right))
    controller.start()
    ready = controller.wait(240)
    assert ready.restarts == 1
    assert (controller.layout.home / f"plugins/{LACKING}.jpi").exists()
    assert f"installed {LACKING} {world.trial.versions[LACKING]}" in controller.log.read_text()
    assert not controller.layout.secrets.exists()


def test_a_file_with_another_hash_ends_the_boot(world, spoiled, mirror, have_plugins):
    have_plugins(LACKING)
    controller = spoiled(made=lacking(world.trial, mirror, "0" * 64))
    controller.start()
    with pytest.raises(BootFailed, match="has the SHA-256") as failure:
        controller.wait(120)
    assert failure.value.stage == "init.groovy"
    assert not list((controller.layout.home / "plugins").glob(f"*{LACKING}*"))
