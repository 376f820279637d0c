"""The tables of what plugins' classes take: how they are read from Java, what they say, and that they are live."""

import json
import os
import shutil
import subprocess

import pytest

from jenkins_bootstrap.resources import share
from jenkins_bootstrap.stages.fitting import SPECIFICATION, TEMPLATE, document, fit, misfits
from jenkins_bootstrap.stages.java_source import JavaError, parse
from jenkins_bootstrap.stages.signatures import (
    Parameter,
    Repository,
    SignatureError,
    Table,
    compact,
    extract,
    main,
    order,
    tables,
)

CLOUD, OLD_CLOUD = "hudson.plugins.ec2.EC2Cloud", "hudson.plugins.ec2.AmazonEC2Cloud"
SPOT = "hudson.plugins.ec2.SpotConfiguration"

AWKWARD = r'''
@SuppressWarnings({"unchecked", "a \" } { @DataBoundConstructor"})
package /* not.this */ demo.awkward;

import static java.util.Collections.*;
import java.util.List; import java.util.Map.Entry;
import demo.other.Base;
import demo.other.*;
import hudson.util.Secret;

// @DataBoundConstructor public Odd(String fromComment) {}
/** {@code @DataBoundSetter} <pre>public void setDoc(String x) { </pre> */
public final class Odd<T extends Comparable<T> & java.io.Serializable, U>
    extends Base<T>.Inner implements Comparable<Odd<T, U>>, java.io.Serializable {
    static { if (true) { char c = '}'; char d = '\''; char e = '\u007d'; } }
    { String s = "*/ } //"; }
    private static final String TEXT = """
        } @DataBoundConstructor public Odd(String fromText) { "quoted" \""" }
        """;
    int a = 1 < 2 ? 3 : 4, b[] = {1, 2}, c = new int[] {5, 6}[0];
    List<Entry<String, List<? super T>>> map = new java.util.ArrayList<Entry<String, List<? super T>>>() {
        @DataBoundSetter public void setAnonymous(String x) {}
    };
    java.util.function.Function<String, Integer> f = (x) -> { return x.length() >> 1; };

    @Deprecated public Odd(int onlyOld) { this(null, null, null, 0); }

    @ org.kohsuke.stapler . DataBoundConstructor
    // between
    public <V extends Secret> Odd(final @CheckForNull(when = "a,b)") String name,
        List < Entry < String , T [] > > [] lists, V secret, int... numbers) throws java.io.IOException, Error
    {
        class Local { @DataBoundSetter void setLocal(int x) {} }
        switch (numbers.length) { case 1 -> { } default -> throw new Error("{"); }
    }
    @DataBoundSetter(  ) private Kind kind, other [];
    @DataBoundSetter public void setURL(java.net.URL url) {}
    @DataBoundSetter public <X extends Number> void setCount(X count) {}
    @DataBoundSetter public void setBound(T bound) {}
    @Restricted(NoExternalUse.class) @DataBoundSetter public synchronized final void setName(String name) {}
    public enum Kind implements Runnable {
        ONE(1, "a,b") { @Override public void run() { } }, @Deprecated TWO, THREE { public void run() {} },;
        Kind(Object... x) {}
        public void run() {}
    }
    record Point(int x, int y) { Point { } }
    @interface Mark { String value() default "}"; int[] more() default {1, 2}; }
    sealed interface Shape permits Square {} non-sealed class Square implements Shape {}
}
'''
BASE = """
package demo.other;
import org.kohsuke.stapler.DataBoundSetter;
public abstract class Base<T> {
    public class Inner extends Root { @DataBoundSetter public void setKind(String hidden) {} }
}
class Root {
    @DataBoundSetter protected boolean inherited;
    @DataBoundSetter public void setBase(Base<String>[] base) {}
}
"""
POM = "<project><!-- <jenkins.version>0</jenkins.version> --><properties><jenkins.baseline>2.479</jenkins.baseline>"
POM += "<jenkins.version>${jenkins.baseline}.3</jenkins.version></properties></project>"


@pytest.fixture
def plugin(tmp_path):
    """A git repository of a plugin with these files, tagged v1."""

    def make(files, pom=POM):
        folder = tmp_path / "plugin"
        for name, text in files.items():
            path = folder / "src/main/java" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (folder / "pom.xml").write_text(pom)
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        commands = [["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "1"], ["tag", "v1"]]
        for command in commands:
            subprocess.run(["git", "-C", str(folder), *command], check=True)
        return Repository(folder, "v1")

    return make


def test_an_awkward_class_is_read_as_the_plugin_structs_would_list_it(plugin):
    files = {"demo/awkward/Odd.java": AWKWARD, "demo/other/Base.java": BASE, "demo/other/Other.java": "class Other {}"}
    table = extract(plugin(files), ["demo.awkward.Odd", "demo.awkward.Odd$Kind", "demo.Absent"], "1")
    assert table.core == "2.479.3"
    assert [str(one) for one in table.classes["demo.awkward.Odd"]] == [
        "?name: java.lang.String",  # the setter takes the place of the constructor's
        "lists: java.util.List[]",
        "secret: hudson.util.Secret",
        "numbers: int[]",
        "?URL: java.net.URL",
        "?base: demo.other.Base[]",
        "?bound: java.lang.Comparable",
        "?count: java.lang.Number",
        "?inherited: boolean",
        "?kind: demo.awkward.Odd$Kind",
        "?other: demo.awkward.Odd$Kind[]",
    ]
    assert set(table.classes) == {"demo.awkward.Odd"}
    assert table.enums == {"demo.awkward.Odd$Kind": ("ONE", "TWO", "THREE")}


@pytest.mark.parametrize(
    "text",
    [
        'class A { String s = "no end; }',
        "class A { /* no end }",
        "class A { char c = 'ab; }",
        "class A { void a( }",
        "class A { int x = (1; }",
        "class",
        "class A extends { }",
        "what is this",
        "class A { @X( }",
        "class A { ] }",
    ],
)
def test_what_is_not_java_is_an_error_and_not_a_guess(text):
    with pytest.raises(JavaError):
        parse(text)


def test_a_type_from_nowhere_a_tag_that_is_not_there_and_a_pom_without_a_core_are_errors(plugin):
    repository = plugin({"a/A.java": "package a; class A { @DataBoundConstructor A(Unknown x) {} }"}, "<project/>")
    with pytest.raises(SignatureError, match="the type Unknown is not known"):
        extract(repository, ["a.A"], "1")
    with pytest.raises(SignatureError, match=r"no jenkins\.version"):
        extract(repository, ["a.B"], "1")
    with pytest.raises(SignatureError):
        Repository(repository.folder, "v2")


def test_the_command_prints_one_version(plugin, capsys):
    repository = plugin({"a/A.java": "package a; class A { @DataBoundConstructor A(int x) {} }"})
    assert main(["extract", "--repository", str(repository.folder), "--tag", "v1", "--class", "a.A"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == {"a.A": ["x: int"]}


def test_the_file_of_the_tables_is_as_it_would_be_written():
    text = (share("groovy") / "signatures" / "ec2.json").read_text()
    assert compact("ec2", tables()) == text
    with pytest.raises(SignatureError):
        tables("no-such-plugin")


def test_the_history_of_ec2_is_as_known():
    by_version = {table.version: table for table in tables()}
    required = {v: sum(one.required for one in t.classes[TEMPLATE]) for v, t in by_version.items()}
    assert (required["1.40"], required["1.46"], required["1.47"], required["1.49"]) == (33, 35, 36, 37)
    assert required["1896.v38a_e0ea_95220"] == 44  # 45 in the constructor, one of which has a setter too
    assert len(by_version["2059.v05f9d511d7e5"].classes[TEMPLATE]) == 55
    first = {}
    for table in tables():
        for one in table.classes[TEMPLATE]:
            first.setdefault(one.name, table.version)
    assert first["tenancy"] == "1.57"
    assert first["metadataTokensRequired"] == "1.63"
    assert first["javaPath"] == "2.0.0"
    assert first["associateIPStrategy"].startswith("2036.")
    assert order(next(t.version for t in tables() if CLOUD in t.classes)) == (1795,)
    assert [t.version for t in tables()] == sorted((t.version for t in tables()), key=order)


def test_the_table_read_from_sources_equals_what_a_running_jenkins_has_told():
    live = json.loads((share("groovy") / "signatures" / "live-2.516.2.json").read_text())
    compare(live)


def compare(live):
    version = live["plugins"]["ec2"]
    table = next(table for table in tables() if table.version == version)
    said = {name: values for name, values in live["classes"].items() if live["from"][name] == "ec2"}
    read = table.as_json()
    assert said == {name: read["classes"][name] for name in said}
    assert len(said) == 5
    assert read["enums"] == {name: live["enums"][name] for name in read["enums"]}
    assert {name: kinds for name, kinds in live["kinds"].items() if name in said} == read["kinds"]


def test_the_specification_fits_more_than_a_dozen_versions_for_the_core_and_what_lacks_is_told():
    fits = {table.version: fit(table) for table in tables()}
    good = [v for v, one in fits.items() if not one.misfits and order(one.core) <= (2, 516, 2)]
    assert len(good) >= 12
    assert good[-1] == "2059.v05f9d511d7e5"
    assert fits[good[-1]].left_out == ()
    assert "SlaveTemplate.enclaveEnabled" in fits["1891.v03c1282cf236"].left_out
    assert misfits("2059.v05f9d511d7e5") == misfits("1.63") == ()
    assert any("IMDSv2 cannot be required" in one for one in misfits("1.62"))
    assert any("host keys are not checked" in one for one in misfits("1.49.1"))
    assert any("host keys are not checked" in one for one in misfits("1.50"))
    assert not any("host keys" in one for one in misfits("1.49.2"))
    assert misfits("1.39") == ("ec2 1.39 is older than any that is known",)
    assert misfits("9999.v1") == misfits("1.0-SNAPSHOT") == ()


def with_parameter(name, replacement, **changes):
    table = tables()[-1]
    values = {one.name: one for one in table.classes[TEMPLATE]} | {name: replacement}
    classes = dict(table.classes) | {TEMPLATE: tuple(one for one in values.values() if one)}
    parts = {"classes": classes, "kinds": table.kinds, "enums": table.enums} | changes
    return Table("x", "1", **parts)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (with_parameter("ami", None), "SlaveTemplate has no parameter ami"),
        (with_parameter("new", Parameter("new", "int", True)), "SlaveTemplate needs new"),
        (with_parameter("ami", Parameter("ami", "int", True)), "SlaveTemplate ami takes int, not text"),
        (with_parameter("maxTotalUses", Parameter("maxTotalUses", "java.lang.String", True)), "not integer"),
        (
            with_parameter("amiType", Parameter("amiType", "hudson.X", True)),
            "takes hudson.X, not hudson.plugins.ec2.Un",
        ),
        (with_parameter("ami", Parameter("ami", "java.lang.String", True), enums={}), "mode knows no EXCLUSIVE"),
        (Table("x", "1", {}), "there is no class hudson.plugins.ec2.SlaveTemplate"),
    ],
)
def test_each_way_not_to_fit_is_a_sentence(table, problem):
    assert any(problem in one for one in fit(table).misfits)


def test_a_new_optional_parameter_is_no_misfit():
    assert fit(with_parameter("new", Parameter("new", "int", False))).misfits == ()
    assert set(SPECIFICATION) <= {*tables()[-1].classes}


def test_the_document_on_versions_is_current():
    assert (share("groovy").parent / "docs" / "ec2-versions.md").read_text() == document()


@pytest.mark.acceptance
@pytest.mark.skipif(
    not {"JENKINS_WAR", "JENKINS_PLUGINS"} <= set(os.environ) or shutil.which("java") is None,
    reason="no real Jenkins: set JENKINS_WAR and JENKINS_PLUGINS",
)
def test_the_table_equals_the_model_of_a_running_jenkins(tmp_path):
    from jenkins_bootstrap.boot.local import free_port

    plugins = tmp_path / "plugins"
    plugins.mkdir()
    for file in os.scandir(os.environ["JENKINS_PLUGINS"]):
        (plugins / file.name).symlink_to(file.path)
    hooks = tmp_path / "init.groovy.d"
    hooks.mkdir()
    script = (share("groovy") / "signatures.groovy").read_text()
    answer = tmp_path / "answer.json"
    (hooks / "tell.groovy").write_text(
        script.replace("println JsonOutput", f"new File('{answer}').text = JsonOutput") + "\nRuntime.runtime.halt(0)\n"
    )
    options = ["-Djava.awt.headless=true", "-Djenkins.install.runSetupWizard=false", "-Xmx1g"]
    options += ["-Dhudson.model.UpdateCenter.never=true", *os.environ.get("JENKINS_JAVA_OPTIONS", "").split()]
    listen = ["--httpListenAddress=127.0.0.1", f"--httpPort={free_port()}"]
    done = subprocess.run(
        ["java", *options, "-jar", os.environ["JENKINS_WAR"], *listen],
        env=os.environ | {"JENKINS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert answer.exists(), done.stderr[-3000:]
    live = json.loads(answer.read_text())
    if live["plugins"].get("ec2") not in {table.version for table in tables()}:
        pytest.skip(f"no table for ec2 {live['plugins'].get('ec2')}")
    compare(live)
