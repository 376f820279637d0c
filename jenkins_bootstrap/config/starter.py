"""The commented settings file that `jenkins-bootstrap init` writes; it works as it is on the embedded target."""

from __future__ import annotations

from jenkins_bootstrap.config.models import DEBIAN_OWNER, DEFAULT_PLUGINS

SAMPLE_OWNER = "acme-demo"
"""The organisation of the sample data that ships with the package."""


def starter(
    project: str = "demo",
    *,
    owner: str = SAMPLE_OWNER,
    region: str = "eu-west-1",
    schema: str = "jenkins-bootstrap.schema.json",
) -> str:
    """The text of a new settings file.

    `project` is the value of the tag Project, `owner` the GitHub organisation, `region` the AWS region, and `schema`
    the path or URL of the JSON schema as an editor resolves it from the file's folder.
    """
    words = {
        "PROJECT": project,
        "OWNER": owner,
        "REGION": region,
        "SCHEMA": schema,
        "PLUGINS": "\n".join(f"    - {name}" for name in DEFAULT_PLUGINS),
        "DEBIAN": DEBIAN_OWNER,
    }
    text = _TEXT
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text


_TEXT = """\
# yaml-language-server: $schema=@SCHEMA@
#
# Settings of jenkins-bootstrap. They work as they are on the embedded target, which needs no account:
#   jenkins-bootstrap check
#   jenkins-bootstrap bake
# Lines that begin with "# " and a key are optional and show the default or an example.
# Paths count from this file's folder. Nothing in here is secret: secrets are named, never written.

version: 1 # of this file's format

# Everything made carries the tag Project with this value, and look-ups of our own images rest on it.
project: @PROJECT@
region: @REGION@

# Where it all happens: embedded (AWS and GitHub on this machine) or aws. --target and JENKINS_BOOTSTRAP_TARGET win.
# target: embedded

# Further tags on everything made.
# tags:
#   CostCentre: "4711" # in quotes: a tag's value is text

# The Jenkins that is baked into an image and run.
controller:
  url: https://jenkins.example.com/ # what people and GitHub's webhooks use
  # admin_address: jenkins@example.com
  jenkins:
    version: "2.516.2" # the plugins are pinned for this core
    # Where Jenkins comes from: one of three. JENKINS_WAR=FILE in the environment wins over it.
    # source: {repository: https://pkg.jenkins.io/debian-stable}
    # source: {url: https://get.jenkins.io/war-stable/2.516.2/jenkins.war, sha256: <64 hex digits>}
    # source: {war: downloads/jenkins.war}
  # java:
  #   version: 21 # Jenkins needs 21 from 2.545 on

  # Wanted plugins, as name or name@version; what they depend on is added. `jenkins-bootstrap plugins lock` pins them
  # all, with their SHA-256, in jenkins-bootstrap.lock.json beside this file.
  plugins:
@PLUGINS@
  # plugin_versions: lock # or newest: resolve anew at each bake
  # update_center: https://updates.jenkins.io/update-center.actual.json # or a path
  # update_center_check: signature # or none: also a document that nobody has signed
  # update_center_authority: mirror-authority.pem # of a mirror that signs its document itself
  # Security warnings and deprecations fail `check` unless they are accepted here.
  # accept: [{plugin: some-plugin, id: SECURITY-1234, reason: the step it is about is not used}]

  # Accounts besides the administrator of the secret below. Roles: administrator, developer, reader.
  accounts:
    - id: ada
      full_name: Ada Lovelace
      email: ada@example.com
      role: developer
    - id: grace
      full_name: Grace Hopper
      email: grace@example.com
      role: reader
  # sign_in:
  #   kind: accounts # or github, oidc, saml, ldap, with their options by name
  #   groups: {acme-demo*admins: administrator}

  # Further credentials for builds, each value in a secret of its own. Kinds: text, username-password (an object with
  # username and password, or the password alone and username here), ssh-key, file. With a folder: only for its jobs.
  # credentials: [{id: npm-token, secret: npm, kind: text, folder: github/@OWNER@}]

  # Further stages of your own, *.txt in Groovy, and a file for the plugin configuration-as-code: run after the four.
  # stages: stages
  # casc: jenkins.yaml

  # How it comes up and keeps in step.
  # boot:
  #   look_every_minutes: 5 # changed secrets, images and groups are applied to the running Jenkins
  #   deadline_seconds: 300 # what cannot be had for so long ends the boot
  #   attempts: 3 # failed boots after which the instance stays as it is and raises an alarm
  #   alarm_topic: arn:aws:sns:@REGION@:123456789012:operators
  #   webhook_overlap_hours: 24 # the webhook secret before the newest one counts for so long
  #   install_missing_plugins: false
  #   memory_percent: 60 # of the instance's memory, for Java's heap
  # receiver: {port: 8090} # the server beside Jenkins that hears of new, renamed and deleted repositories

  # Found in AWS by tags, by name (* stands for any text), or both. What is not found, or not found once where one is
  # wanted, is an error that shows the candidates.
  security_groups:
    tags: {Project: @PROJECT@, Role: controller}
  subnets:
    tags: {Project: @PROJECT@, Role: controller}
  instance_profile:
    name: @PROJECT@-controller
  volume: # holds JENKINS_HOME
    tags: {Project: @PROJECT@, Role: jenkins-home}
  target_group: @PROJECT@-controller

# What builds run on: one entry a label.
agents:
  - label: linux
    ami: {image: agent} # one of `images` below; a foreign one: {owners: ["123456789012"], name: "my-agent-*"}
    # architecture: amd64 # or arm64: of the image and of every type
    instance_types: [m7i.large, m7a.large, m6i.large] # several types find spot capacity more often
    # market: spot # or on-demand
    # maximum_price: "0.05" # USD an hour; without it the on-demand price, which interrupts least
    security_groups:
      tags: {Project: @PROJECT@, Role: agent}
    subnets:
      tags: {Project: @PROJECT@, Role: agent}
      several: true # use all that match: several zones find capacity more often
    instance_profile:
      name: @PROJECT@-agent
    # idle_minutes: 10
    # cap: 10 # most instances at once
    # launch_timeout_seconds: 300
    # executors: 1
    # remote_user: admin
    # remote_fs: /home/admin

# Whose repositories get a job.
github:
  # api_url: https://api.github.com # on GitHub Enterprise https://HOST/api/v3
  owners:
    - name: @OWNER@
      # sign_in: token # or app, then with installation: its number for this owner
      # installation: 12345678
      filter: # all of it must hold
        include: ["*"] # name globs, one must match
        # exclude: ["*-archive"]
        # topics: [ci] # one must be set
        # exclude_topics: [no-ci]
        # languages: [Java, Python]
        # archived: false # also archived repositories
        # forks: false
        # visibility: all # or public, private
        # has_jenkinsfile: true # only repositories with a Jenkinsfile
  # One webhook goes to Jenkins for builds, one to the receiver beside it for the jobs themselves.
  # hooks:
  #   per_repository: false # where nobody may administer hooks of the organisation
  #   receiver_url: https://jenkins.example.com/jenkins-bootstrap/webhook
  #   canary: @OWNER@/jenkins-canary # a repository that `hooks check` may send a push for

# What the jobs are like: one multibranch pipeline a repository, as <folder>/<owner>/<repository>.
jobs:
  folder: github
  # script_path: Jenkinsfile
  # scan_every: 1d # 1h 2h 4h 8h 12h 1d 2d 1w 2w 4w never; webhooks tell the rest at once
  # keep_builds: 30
  # keep_days: 90
  # pull_requests: true # from branches of the repository itself
  # draft_pull_requests: true
  # forks: false # pull requests from forks: their builds can read credentials
  # templates: jobs # a folder of your own Jenkins Job Builder YAML
  # definitions: [{template: nightly, topics: [nightly]}] # other templates by name or topic; the first that matches
  # override_file: .jenkins.yml # a repository's own branches, script_path, retention, triggers, disabled
  # sync:
  #   every_minutes: 30 # a full reconciliation, for what no webhook told
  #   delete_after_days: 14 # a job without its repository is disabled first
  #   most_removed_percent: 20 # disabled or deleted by one run without --allow-mass-change
  #   scan_calls_per_hour: 2500 # calls to GitHub that scans asked for may cost

# Names of two secrets in AWS Secrets Manager. `jenkins-bootstrap check` says which keys are missing in them.
secrets:
  agent_key: jenkins_slave_private_key # the agents' private key: RSA in PEM
  settings: jenkins # key-value: admin_username, admin_password, github_..., ...

# Where the instances run that images are baked on; without it the account's default network.
# network:
#   subnets: {tags: {Project: @PROJECT@, Role: bake}}
#   security_groups: {tags: {Project: @PROJECT@, Role: bake}} # they let this machine in by SSH
#   ssh_from: 203.0.113.7/32 # or this: a temporary group lets these addresses in; real AWS needs one of the two

# Images, each from a foreign one (source) or from another of this list (parent).
images:
  base:
    source: {owners: ["@DEBIAN@"], name: "debian-13-amd64-*"} # Debian's own account
    template: base # a folder in packer/, or a path of your own
    # architecture: amd64
    # instance_type: t3.medium # what it is baked on
    # volume_gib: 10
    # checks: [checks/disk.sh] # run in the bake as root; one that fails ends it
    # files: {/etc/motd: files/motd}
    # tags: {Team: platform}
  controller:
    parent: base
    template: controller
  agent:
    parent: base
    template: agent

# Data of the embedded target; small samples ship with the package.
# embedded:
#   github: organisation.json # a JSON list of repositories
#   update_center: update-center.json
#   root_filesystem: debian-13.tar
#   state: .jenkins-bootstrap
#   idle_minutes: 30
"""
