"""Images and the root file system they stand on belong together."""

import pytest

from jenkins_bootstrap.embedded import machines
from jenkins_bootstrap.errors import BootstrapError


def test_images_on_another_root_file_system_are_refused(tmp_path, monkeypatch):
    roots = {"now": tmp_path / "cache" / "root-one"}
    monkeypatch.setattr(machines, "ensure_rootfs", lambda *a, **k: roots["now"])
    made = machines.metal_machines(tmp_path / "state", {"cache": str(tmp_path / "cache")})
    assert made.root() == roots["now"]
    roots["now"] = tmp_path / "cache" / "root-two"
    assert made.root() == roots["now"]  # nothing stands on the old one
    (tmp_path / "state/metal/layers/ami-1").mkdir()
    assert made.root() == roots["now"]
    roots["now"] = tmp_path / "cache" / "root-three"
    with pytest.raises(BootstrapError, match="stand on the root file system root-two, now it is root-three"):
        made.root()
    made.close()
