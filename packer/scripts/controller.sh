# The controller layer: the user Jenkins runs as, what it configures itself with at boot, its units, the war if there is
# one. Needs no package, so that a template can let it run beside one that installs some.

# The same number in every image: JENKINS_HOME lies on a volume that outlives them.
getent group jenkins >/dev/null || groupadd --system --gid 800 jenkins
getent passwd jenkins >/dev/null ||
    useradd --system --uid 800 --gid jenkins --home-dir /var/lib/jenkins --no-create-home --shell /usr/sbin/nologin jenkins
install -d -o jenkins -g jenkins -m 0750 /var/lib/jenkins
# Root's alone: the count of failed boots, the receiver's queue, what is known of private repositories.
install -d -o root -g root -m 0700 /var/lib/jenkins-bootstrap

for tar in runtime.tar.gz payload.tar seed.tar; do
    tar -xf "$tar" -C / --no-same-owner --no-overwrite-dir
done
if [ -e jenkins.war ]; then install -D -m 0644 jenkins.war /usr/share/java/jenkins.war; fi

# Compiled once here, not by each new instance while its users wait. Without times and with one seed for hashes, the
# files are the same bytes in every bake.
PYTHONHASHSEED=0 python3.13 -m compileall -q --invalidation-mode unchecked-hash /opt/jenkins-bootstrap/lib

# Exploded as Jenkins does it, so that no start has to. Jenkins compares the archives' time with its mark of it, and tar
# gave them 1970, which Java also says of a file that is not there.
plugins=/usr/share/jenkins-bootstrap/plugins
if [ -d "$plugins" ]; then
    find "$plugins" -name '*.jpi' -exec touch -d @315532800 {} +
    PYTHONPATH=/opt/jenkins-bootstrap/lib python3.13 - "$plugins" <<'END'
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jenkins_bootstrap.files import canonical_json, write_atomic
from jenkins_bootstrap.plugins.explode import explode, tree_manifest

folder = Path(sys.argv[1])
with ThreadPoolExecutor() as pool:
    list(pool.map(lambda archive: explode(archive, folder / archive.stem), sorted(folder.glob("*.jpi"))))
write_atomic(folder / "tree.json", canonical_json(tree_manifest(folder)))
END
    chown -R root:root "$plugins"
    chmod -R u=rwX,go=rX "$plugins"
fi

# What `systemctl enable` would do, for guests without a running systemd. The others are started by jenkins.service.
install -d /etc/systemd/system/multi-user.target.wants
for unit in jenkins.service jenkins-bootstrap-serve.service; do
    ln -sf "../$unit" "/etc/systemd/system/multi-user.target.wants/$unit"
done
