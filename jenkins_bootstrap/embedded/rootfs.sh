# Makes the root file system that stands for the vendor's image from a tar on standard input, in the folder $1.
# Runs as (name-space) root. What an instance gets at boot (keys, names) is not in here.
set -eu
umask 022
root=$1
cd "$root"
chmod 755 .

# Devices cannot be made in a user name space, and an instance mounts a /dev of its own.
tar --extract --file=- --numeric-owner --preserve-permissions --exclude='./dev/*'
mkdir -p dev proc sys run tmp

chroot . /usr/bin/id -u admin >/dev/null 2>&1 ||
    chroot . /usr/sbin/useradd --create-home --uid 1000 --user-group --shell /bin/bash admin
chroot . /usr/sbin/usermod --password '*' admin
mkdir -p home/admin/.ssh etc/sudoers.d
chmod 700 home/admin/.ssh
chown "$(stat -c %u:%g home/admin)" home/admin/.ssh
printf 'admin ALL=(ALL:ALL) NOPASSWD:ALL\n' >etc/sudoers.d/90-admin
chmod 440 etc/sudoers.d/90-admin

rm -f etc/ssh/ssh_host_* var/lib/dbus/machine-id var/log/*.log var/log/apt/*
: >etc/machine-id
rm -f etc/resolv.conf # may be a link; an instance mounts the host's over this file
: >etc/resolv.conf
echo debian >etc/hostname
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >etc/hosts

rm -rf var/cache/apt/* var/lib/apt/lists/*
mkdir -p var/cache/apt/archives/partial var/lib/apt/lists/partial

# Instances share the host's network: without a running systemd no package may start its service there.
cat >usr/sbin/policy-rc.d <<'END'
#!/bin/sh
[ -d /run/systemd/system ] || exit 101
END
chmod 755 usr/sbin/policy-rc.d

# Packages stay for the next instance even when a bake ends with `apt-get clean`; without the folder it does nothing.
cat >etc/apt/apt.conf.d/00embedded-cache <<'END'
DPkg::Pre-Invoke { "[ ! -d /var/cache/apt/keep ] || cp -lf /var/cache/apt/archives/*.deb /var/cache/apt/keep/archives/ 2>/dev/null || true"; };
APT::Update::Post-Invoke-Success { "[ ! -d /var/cache/apt/keep ] || cp -pf /var/lib/apt/lists/*_* /var/cache/apt/keep/lists/ 2>/dev/null || true"; };
END
