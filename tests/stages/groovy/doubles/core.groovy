// Doubles of the little of Jenkins that init.groovy and the shared part of the stages touch. Fidelity: names, static and
// instance members and the kinds of their values are Jenkins' own; nothing is stored on disk, XStream is a rendering of the
// properties, and setters have no side effects. What a plugin does with its values is not seen by this.
package jenkins.model

class Jenkins {
    static Jenkins instance = new Jenkins()
    static final XSTREAM2 = [toXML: { it == null ? null : it.class.name + it.properties.findAll { k, v -> !(k in ['class', 'metaClass', 'securityComponents']) } }] as Xml
    File rootDir
    def pluginManager = new Plugins()
    def securityRealm = new Open()
    def authorizationStrategy = new Open()
    def crumbIssuer
    def markupFormatter
    int numExecutors = 2
    int slaveAgentPort = 0
    int saves = 0
    List descriptors = []
    def initLevel = Milestone.JOB_CONFIG_ADAPTED

    static Jenkins get() { instance }
    void save() { saves++ }
    def getDescriptor(String id) { descriptors.find { it == id } }
}

interface Xml { String toXML(o) }

enum Milestone { JOB_CONFIG_ADAPTED, COMPLETED }

class Open {}

class Plugins {
    ClassLoader uberClassLoader = Jenkins.classLoader
    List failedPlugins = []
    List plugins = []
    def getPlugin(String name) { plugins.find { it.shortName == name } }
}

class JenkinsLocationConfiguration {
    static JenkinsLocationConfiguration instance = new JenkinsLocationConfiguration()
    String url
    String adminAddress
    static JenkinsLocationConfiguration get() { instance }
}
