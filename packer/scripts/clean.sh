# Last of every bake: nothing that belongs to this one instance stays in the image.

apt-get clean
find /var/lib/apt/lists -type f -delete
rm -rf /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/cache/ldconfig/aux-cache

if command -v cloud-init >/dev/null; then cloud-init clean --logs >/dev/null 2>&1 || true; fi
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /var/lib/systemd/random-seed
rm -f /root/.bash_history /home/*/.bash_history /root/.wget-hsts
find /var/log -type f -exec truncate --size 0 {} +
find /var/tmp -mindepth 1 -delete
