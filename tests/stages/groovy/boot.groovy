// Boots the doubles once for each folder named on a line of standard input: runs its hooks as jenkins.util.groovy.GroovyHookScript does, with what
// Jenkins makes of what they throw, and prints what came of it as a line of JSON.
import groovy.json.JsonOutput
import java.util.logging.Handler
import java.util.logging.LogRecord
import java.util.logging.Logger
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.CompilerConfiguration

File classes = File.createTempDir()
def unit = new CompilationUnit(new CompilerConfiguration(targetDirectory: classes))
new File(args[0]).listFiles().findAll { it.name.endsWith('.groovy') }.sort().each { unit.addSource(it) }
unit.compile()
Logger logger = Logger.getLogger('jenkins-bootstrap')
logger.useParentHandlers = false

System.in.eachLine { String line ->
    File root = new File(line)
    def loader = new URLClassLoader([classes.toURI().toURL()] as URL[], this.class.classLoader)
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
            new GroovyShell(loader, binding).evaluate(new GroovyCodeSource(file))
        } catch (RuntimeException | IOException problem) {
            warnings << file.name + ': ' + problem
        }
    }
    String outcome = 'open'
    String message = null
    File before = new File(root, 'before.groovy')
    if (before.exists()) new GroovyShell(loader, binding).evaluate(before)
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
        secrets: new File(root, 'secrets.json').exists(),
    ])
    System.out.flush()
}
classes.deleteDir()
