"""Whether what aws.txt builds fits a version of the ec2 plugin, and what that version leaves out. Pure.

SPECIFICATION is what groovy/aws.txt.j2 gives by name; tests run that stage on doubles of the tables and compare, so
that neither can change without the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from jenkins_bootstrap.stages.signatures import Parameter, Table, order, tables

TEXT, BOOLEAN, INTEGER, LIST = "text", "boolean", "integer", "list"
_TAKES = {
    "java.lang.String": {TEXT},
    "boolean": {BOOLEAN},
    "java.lang.Boolean": {BOOLEAN},
    "int": {INTEGER},
    "java.lang.Integer": {INTEGER},
    "long": {INTEGER},
    "java.lang.Long": {INTEGER},
    "java.util.List": {LIST},
}
CLOUD, OLD_CLOUD = "hudson.plugins.ec2.EC2Cloud", "hudson.plugins.ec2.AmazonEC2Cloud"
TEMPLATE, SPOT = "hudson.plugins.ec2.SlaveTemplate", "hudson.plugins.ec2.SpotConfiguration"
UNIX, TAG = "hudson.plugins.ec2.UnixData", "hudson.plugins.ec2.EC2Tag"
INSTANCE_TYPE = "com.amazonaws.services.ec2.model.InstanceType"
"""Before 1885 a template's `type` is a constant of the AWS library; aws.txt looks for the one of that name."""
NEWEST_CORE = "2.516.2"
"""The core that the tables are told for in the document."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value for a parameter. `kind` is one of the above, a class's name, or `=CONSTANT` of an enum.

    `optional`: a version without the parameter goes without it. `older`: only for versions that require it.
    """

    kind: str
    optional: bool = False
    older: bool = False


def _all(kind: str, *names: str) -> dict[str, Given]:
    return dict.fromkeys(names, Given(kind))


SPECIFICATION: Mapping[str, Mapping[str, Given]] = {
    CLOUD: {
        "name": Given(TEXT, optional=True),
        "cloudName": Given(TEXT, optional=True),
        **_all(BOOLEAN, "useInstanceProfileForCredentials", "noDelayProvisioning"),
        **_all(TEXT, "credentialsId", "region", "privateKey", "sshKeysCredentialsId", "instanceCapStr"),
        **_all(TEXT, "roleArn", "roleSessionName", "altEC2Endpoint"),
        "templates": Given(LIST),
    },
    TEMPLATE: {
        **_all(TEXT, "ami", "zone", "securityGroups", "remoteFS", "type", "labelString", "description", "initScript"),
        **_all(TEXT, "tmpDir", "userData", "numExecutors", "remoteAdmin", "jvmopts", "subnetId"),
        **_all(TEXT, "idleTerminationMinutes", "instanceCapStr", "iamInstanceProfile", "launchTimeoutStr"),
        **_all(BOOLEAN, "ebsOptimized", "stopOnTerminate", "deleteRootOnTermination", "useEphemeralDevices"),
        **_all(BOOLEAN, "connectBySSHProcess", "monitoring", "t2Unlimited"),
        **_all(BOOLEAN, "metadataEndpointEnabled", "metadataTokensRequired"),
        **_all(INTEGER, "minimumNumberOfInstances", "minimumNumberOfSpareInstances", "maxTotalUses"),
        **_all(INTEGER, "metadataHopsLimit"),
        **_all(LIST, "tags", "nodeProperties"),
        "customDeviceMapping": Given(TEXT),
        "spotConfig": Given(SPOT),
        "amiType": Given(UNIX),
        "mode": Given("=EXCLUSIVE"),
        "connectionStrategy": Given("=PRIVATE_IP"),
        "hostKeyVerificationStrategy": Given("=CHECK_NEW_HARD"),
        "tenancy": Given("=Default"),
        "ebsEncryptRootVolume": Given("=DEFAULT"),
        "javaPath": Given(TEXT, optional=True),
        "associateIPStrategy": Given("=SUBNET", optional=True),
        "metadataSupported": Given(BOOLEAN, optional=True),
        "enclaveEnabled": Given(BOOLEAN, optional=True),
        "associatePublicIp": Given(BOOLEAN, older=True),
    },
    SPOT: {**_all(BOOLEAN, "useBidPrice", "fallbackToOndemand"), "spotMaxBidPrice": Given(TEXT)},
    UNIX: {
        **_all(TEXT, "rootCommandPrefix", "slaveCommandPrefix", "slaveCommandSuffix", "sshPort"),
        "bootDelay": Given(TEXT, optional=True),
    },
    TAG: _all(TEXT, "name", "value"),
}
REASONS = {
    "hostKeyVerificationStrategy": "host keys are not checked",
    "metadataTokensRequired": "IMDSv2 cannot be required",
    "sshKeysCredentialsId": "the agents' key cannot be a credential",
    "altEC2Endpoint": "no other endpoint of EC2 (the embedded AWS)",
}
"""What the lack of a parameter means, where it is not plain."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What becomes of the specification in one version.

    `misfits` are sentences, one for each thing that makes aws.txt stop there; `left_out` the parameters, as Class.name,
    that the version does without; `core` the Jenkins it is built for.
    """

    version: str
    core: str
    misfits: tuple[str, ...]
    left_out: tuple[str, ...]


def misfits(version: str) -> tuple[str, ...]:
    """Why aws.txt cannot run with this version of ec2; empty where it can, or where no table tells of the version.

    For a version between two known ones that of the older is taken; one newer than all of them is not judged.
    """
    try:
        wanted = order(version)
    except ValueError:
        return ()
    known = tables()
    if wanted > order(known[-1].version):
        return ()
    older = [table for table in known if order(table.version) <= wanted]
    return fit(older[-1]).misfits if older else (f"ec2 {version} is older than any that is known",)


def fit(table: Table) -> Fit:
    """The specification against one table: keys, kinds of values, constants of enums."""
    wrong: list[str] = []
    left_out: list[str] = []
    for name, values in SPECIFICATION.items():
        actual = OLD_CLOUD if name == CLOUD and CLOUD not in table.classes else name
        if actual not in table.classes:
            wrong.append(f"there is no class {actual}")
            continue
        known = {one.name: one for one in table.classes[actual]}
        short = actual.rpartition(".")[2]
        given = given_to(known, values)
        wrong += [f"{short} {problem}" for problem in _problems(table, known, given)]
        wrong += [f"{short} needs {one.name}" for one in known.values() if one.required and one.name not in given]
        left_out += [f"{short}.{key}" for key, one in values.items() if one.optional and key not in known]
    # One of the cloud's two names is always there.
    named = [key for key in left_out if key.endswith((".name", ".cloudName"))]
    return Fit(table.version, table.core, tuple(wrong), tuple(key for key in left_out if key not in named))


def given_to(known: Mapping[str, Parameter], values: Mapping[str, Given]) -> dict[str, Given]:
    """What aws.txt gives to a class with these parameters."""
    return {
        key: one
        for key, one in values.items()
        if not (one.optional and key not in known) and not (one.older and not (key in known and known[key].required))
    }


def _problems(table: Table, known: Mapping[str, Parameter], given: Mapping[str, Given]) -> Iterator[str]:
    for key, one in given.items():
        if key not in known:
            meaning = REASONS.get(key)
            hint = f": {meaning}" if meaning else ""
            yield f"has no parameter {key}{hint}"
            continue
        kind = known[key].type
        if one.kind.startswith("="):
            if one.kind[1:] not in table.enums.get(kind, ()):
                yield f"{key} knows no {one.kind[1:]}"
        elif kind in _TAKES:
            if one.kind not in _TAKES[kind]:
                yield f"{key} takes {kind}, not {one.kind}"
        elif one.kind != kind and kind not in table.kinds.get(one.kind, ()) and kind != INSTANCE_TYPE:
            yield f"{key} takes {kind}, not {one.kind}"


def _named(run: Sequence[str]) -> str:
    return f"{run[0]} ({len(run)})" if run[0] == run[-1] else f"{run[0]} to {run[-1]} ({len(run)})"


def _ranges(every: Sequence[Fit], holds: Callable[[Fit], bool]) -> str:
    """The versions of which it holds, those one after the other as one."""
    runs = itertools.groupby(every, holds)
    return ", ".join(_named([one.version for one in run]) for yes, run in runs if yes)


def document() -> str:
    """docs/ec2-versions.md: what each version leaves out, and why some cannot be used."""
    every = [fit(table) for table in tables()]
    good = [one for one in every if not one.misfits]
    runs = [one for one in good if order(one.core) <= order(NEWEST_CORE)]
    lines = [
        "# Versions of the ec2 plugin",
        "",
        "<!-- Made by `python -m jenkins_bootstrap.stages.signatures document`; a test holds it to the tables. -->",
        "",
        f"What aws.txt builds was compared with the parameters of all {len(every)} releases from {every[0].version} to",
        f"{every[-1].version}, read from their sources. It fits {len(good)} of them, from {good[0].version} on;",
        f"{len(runs)} of these are built for Jenkins {NEWEST_CORE} or an older one. That their parameters fit does not",
        "say that they work: only the newest was run. With any other the stage stops the boot and names the parameter.",
        "",
        "| versions that fit | built for Jenkins | left out |",
        "| --- | --- | --- |",
    ]
    for left_out, run in itertools.groupby(good, lambda one: one.left_out):
        found = list(run)
        cores = sorted({one.core for one in found}, key=order)
        core = cores[0] if len(cores) == 1 else f"{cores[0]} to {cores[-1]}"
        names = ", ".join(left_out) or "nothing"
        lines.append(f"| {_named([one.version for one in found])} | {core} | {names} |")
    lines += [
        "",
        "Where versions differ by a name only, aws.txt gives what the version has: the class `AmazonEC2Cloud` before",
        "1795, the cloud's `cloudName` before 1628 (up to 2.0.6 the plugin puts `ec2-` before it), `associatePublicIp`",
        "before 2036, and for a template's `type` a constant of the AWS library before 1885, where a type that the",
        "plugin does not know is an error.",
        "",
        "| why older ones do not fit | versions |",
        "| --- | --- |",
    ]
    problems = dict.fromkeys(problem for one in reversed(every) for problem in one.misfits)
    lines += [f"| {one} | {_ranges(every, lambda fit, one=one: one in fit.misfits)} |" for one in problems]  # type: ignore[misc]
    return "\n".join(lines) + "\n"
