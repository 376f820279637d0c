// Boots the doubles once for each folder named on a line of standard input: runs its hooks as jenkins.util.groovy.GroovyHookScript does, with what
// Jenkins makes of what they throw, and prints what came of it as a line of JSON.
//
// In the folder: before.groovy prepares the doubles; signatures.json is the table that doubles of plugins' classes are made from;
// again.groovy runs in the Jenkins that has opened, where `stage(NAME)` evaluates a stage's file as `watch` does.
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import java.util.logging.Handler
import java.util.logging.LogRecord
import java.util.logging.Logger
import org.codehaus.groovy.control.CompilationFailedException
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.runtime.InvokerHelper

File classes = File.createTempDir()
def unit = new CompilationUnit(new CompilerConfiguration(targetDirectory: classes))
new File(args[0]).listFiles().findAll { it.name.endsWith('.groovy') }.sort().each { unit.addSource(it) }
unit.compile()
Logger logger = Logger.getLogger('jenkins-bootstrap')
logger.useParentHandlers = false

Map behaviour = new GroovyShell().evaluate(new File(new File(args[0]).parentFile, 'behaviour.groovy'))
Map<String, File> generated = [:]

/** The classes of a table that no double by hand is there for: a field for each parameter, and nothing else but `behaviour`. */
Closure<File> generate = { Map table, List folders ->
    Closure there = { String name -> name.startsWith('java.') || folders.any { new File(it, name.replace('.', '/') + '.class').exists() } }
    Map sources = [:]
    Closure source = { String name, String body ->
        if (!there(name)) {
            String packaged = name.substring(0, name.lastIndexOf('.'))
            sources[name] = "package ${packaged}\n" + body.replace('@', name.substring(packaged.length() + 1))
        }
    }
    table.sources.each { String name, String body -> source(name, body) }
    table.enums.each { String name, List constants -> source(name, "enum @ { ${constants.join(', ')} }") }
    Set types = table.classes.values().flatten().collect { it.split(': ')[1] - '[]' } as Set
    types.findAll { it.contains('.') && !table.enums[it] && !table.classes[it] && !table.sources?.get(it) }.each { source(it as String, 'interface @ {}') }
    if (table.classes['hudson.plugins.ec2.AmazonEC2Cloud'] && !table.classes['hudson.plugins.ec2.EC2Cloud']) {
        source('hudson.plugins.ec2.EC2Cloud', 'abstract class @ {}')
    }
    table.classes.each { String name, List parameters ->
        String more = (behaviour[name] ?: '') + ((table.members ?: [:])[name] ?: '')
        List members = parameters.collect { String parameter ->
            def (String field, String type) = (parameter - '?').split(': ')
            String ending = field[0].toUpperCase() + field.substring(1)
            "    private ${type} ${field}\n    void set${ending}(${type} value) { this.@${field} = value }\n" + (more.contains("get${ending}()") ? '' : "    ${type} get${ending}() { this.@${field} }\n")
        }
        List kinds = (table.kinds[name] ?: []).findAll { it != name }
        source(name, "class @ ${kinds ? 'implements ' + kinds.join(', ') : ''} {\n${members.join('')}\n${more.replace('@', '\u0000')}\n}".replace('.@', '.\u0000'))
        if (sources[name]) sources[name] = sources[name].replace('\u0000', '@')
    }
    File folder = File.createTempDir()
    def made = new CompilationUnit(new CompilerConfiguration(targetDirectory: folder), null, new GroovyClassLoader(new URLClassLoader(folders*.toURI()*.toURL() as URL[], this.class.classLoader)))
    sources.each { String name, String body -> made.addSource(name + '.groovy', body) }
    made.compile()
    folder
}

Map<List, List> compiled = [:]

/** Evaluates a script as GroovyShell does; a text is compiled once for all boots with the same classes, which is most of a boot. */
Closure evaluate = { File file, List folders, ClassLoader loader, Binding binding ->
    if (!(file.name ==~ /\w+\.groovy/)) return new GroovyShell(loader, binding).evaluate(new GroovyCodeSource(file))  // no name of a class file
    List key = [file.name, file.text, folders]
    if (compiled[key] == null) {
        File folder = File.createTempDir()
        def script = new CompilationUnit(new CompilerConfiguration(targetDirectory: folder), null, new GroovyClassLoader(loader))
        script.addSource(file)
        try {
            script.compile()
        } catch (CompilationFailedException ignored) {
            folder.deleteDir()
            return new GroovyShell(loader, binding).evaluate(new GroovyCodeSource(file))
        }
        compiled[key] = [folder, script.AST.modules[0].scriptClassDummy.name]
    }
    def (File folder, String name) = compiled[key]
    InvokerHelper.createScript(new URLClassLoader([folder.toURI().toURL()] as URL[], loader).loadClass(name), binding).run()
}

/** A double as JSON: its class and its fields, a Secret in plain. */
Closure plain = null
plain = { value ->
    if (value == null || value instanceof Number || value instanceof CharSequence || value instanceof Boolean) return value
    if (value instanceof Enum) return value.name()
    if (value.class.name == 'hudson.util.Secret') return 'plain: ' + value.plainText
    if (value instanceof Map) return value.collectEntries { k, v -> [(k): plain(v)] }
    if (value instanceof Collection) return value.collect { plain(it) }
    if (!value.respondsTo('getMetaClass') || value.class.array) return value.toString()
    ['class': value.class.name] + value.class.classLoader.loadClass('jenkins.model.Jenkins').fields(value).collectEntries { [(it.name): plain(it.get(value))] }
}

Closure boot = { String line ->
    File root = new File(line)
    File table = new File(root, 'signatures.json')
    List folders = [classes]
    if (table.exists()) {
        // The classes of ec2 apart: they differ from version to version, the others do not.
        Map all = new JsonSlurper().parse(table)
        [false, true].each { boolean ec2 ->
            Map part = all.collectEntries { name, Map values -> [(name): values.findAll { it.key.startsWith('hudson.plugins.ec2.') == ec2 || (name == 'sources' && ec2) }] }
            File folder = generated[JsonOutput.toJson(part)]
            if (folder == null) {
                folder = generated[JsonOutput.toJson(part)] = generate(part, folders)
            }
            folders += folder
        }
    }
    def loader = new URLClassLoader(folders.collect { it.toURI().toURL() } as URL[], this.class.classLoader)
    loader.loadClass('org.jenkinsci.plugins.structs.describable.DescribableModel').tables = (table.exists() ? new JsonSlurper().parse(table).classes : [:]) + [loader: loader]
    List log = []
    Handler handler = [publish: { LogRecord record -> log << record.level.name + ' ' + record.message }, flush: {}, close: {}] as Handler
    logger.handlers.each { logger.removeHandler(it) }
    logger.addHandler(handler)
    System.setProperty('jenkins.util.groovy.GroovyHookScript.ROOT_PATH', root.path)
    Class type = loader.loadClass('jenkins.model.Jenkins')
    def jenkins = type.get()
    jenkins.rootDir = root
    def binding = new Binding([root: root, jenkinsClass: type])
    List ran = []
    List warnings = []
    Closure execute = { File file ->
        if (!file.exists()) return
        ran << file.name
        try {
            evaluate(file, folders, loader, binding)
        } catch (RuntimeException | IOException problem) {
            warnings << file.name + ': ' + problem
        }
    }
    String outcome = 'open'
    String message = null
    File before = new File(root, 'before.groovy')
    if (before.exists()) evaluate(before, folders, loader, binding)
    try {
        execute(new File(root, 'init.groovy'))
        new File(root, 'init.groovy.d').listFiles().findAll { it.name.endsWith('.groovy') }.sort().each { execute(it) }
    } catch (LinkageError problem) {
        outcome = 'open, later stages skipped'
        message = problem.toString()
    } catch (Throwable problem) {
        outcome = 'closed'
        message = problem.toString()
    }
    List again = []
    File later = new File(root, 'again.groovy')
    if (outcome == 'open' && later.exists()) {
        jenkins.initLevel = loader.loadClass('jenkins.model.Milestone').COMPLETED
        File secrets = new File(root, 'secrets.json')
        Closure stage = { String name ->
            secrets.text = new File(root, 'secrets.again.json').text
            int said = log.size()
            String problem = null
            try {
                evaluate(new File(root, name == 'init' ? 'init.groovy' : "init.groovy.d/${name}.groovy"), folders, loader, new Binding())
            } catch (Throwable thrown) {
                problem = thrown.toString()
            }
            again << [stage: name, problem: problem, log: log.drop(said)]
        }
        evaluate(later, folders, loader, new Binding([root: root, jenkinsClass: type, stage: stage, note: { again << it }]))
    }
    def model = loader.loadClass('org.jenkinsci.plugins.structs.describable.DescribableModel')
    def github = loader.loadClass('org.jenkinsci.plugins.github.GitHubPlugin').configuration()
    def user = loader.loadClass('hudson.model.User')
    println JsonOutput.toJson([
        outcome: outcome, message: message, ran: ran, warnings: warnings, log: log,
        files: new File(root, 'init.groovy.d').list()?.sort(),
        leaked: binding.variables.keySet().findAll { !(it in ['root', 'jenkinsClass']) },
        state: [
            realm: jenkins.securityRealm.class.name, signup: jenkins.securityRealm.hasProperty('allowsSignup') ? jenkins.securityRealm.allowsSignup : null,
            granted: jenkins.authorizationStrategy.hasProperty('granted') ? jenkins.authorizationStrategy.granted as List : null,
            crumbs: jenkins.crumbIssuer?.class?.name, formatter: jenkins.markupFormatter?.class?.name, executors: jenkins.numExecutors,
            port: jenkins.slaveAgentPort, url: loader.loadClass('jenkins.model.JenkinsLocationConfiguration').get().url, saves: jenkins.saves,
            users: user.all.keySet() as List,
            ldap: jenkins.securityRealm.hasProperty('configurations') ? jenkins.securityRealm.configurations.collect { [it.server, it.rootDN, it.managerPasswordSecret?.plainText] } : null,
        ],
        again: again, built: model.made, clouds: plain(jenkins.clouds), replaced: jenkins.clouds.replaced,
        credentials: plain(loader.loadClass('com.cloudbees.plugins.credentials.SystemCredentialsProvider').instance.store.held),
        github: plain(github), endpoints: plain(loader.loadClass('org.jenkinsci.plugins.github_branch_source.GitHubConfiguration').get().endpoints),
        items: jenkins.items.all().collect { [it.class.simpleName, it.fullName, it.hasProperty('SCMSources') ? it.SCMSources : null, it.hasProperty('scans') ? it.scans : null] },
        accounts: user.all.collectEntries { id, one -> [(id): [name: one.fullName, properties: one.properties*.class*.name.sort()]] },
        secrets: new File(root, 'secrets.json').exists(),
    ])
}

System.in.eachLine { String line ->
    try {
        boot(line)
    } catch (Throwable problem) {
        StringWriter trace = new StringWriter()
        problem.printStackTrace(new PrintWriter(trace))
        println JsonOutput.toJson([outcome: 'the doubles broke', message: trace.toString()])
    }
    System.out.flush()
}
([classes] + generated.values() + compiled.values()*.first())*.deleteDir()
