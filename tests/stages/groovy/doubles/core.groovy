// Jenkins itself: see README.md beside this for how true the doubles are.
package jenkins.model

class Jenkins {
    static Jenkins instance = new Jenkins()
    static final String ANONYMOUS2 = 'anonymous'
    static final XSTREAM2 = [toXML: { xml(it) }] as Xml
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
    Clouds clouds = new Clouds()
    List nodes = []
    Context servletContext = new Context()
    @Delegate(interfaces = false, includes = ['getItem', 'createProjectFromXML', 'items'])
    Items items = new Items()

    static Jenkins get() { instance }
    boolean bulkChange = false
    void save() { bulkChange ? null : saves++ }
    def getDescriptor(String id) { descriptors.find { it == id } }
    def getItemByFullName(String path) { path.split('/').inject(this) { holder, name -> holder?.respondsTo('getItem', String) ? holder.getItem(name) : null } }
    /** As in Jenkins, something to go through and no list. */
    Iterable allItems(Class type) { new Found(found: items.all().findAll { type.isInstance(it) }) }

    /** The fields as they would be stored: a Secret's text differs each time. */
    static String xml(value) {
        if (value == null || value instanceof Number || value instanceof CharSequence || value instanceof Boolean || value instanceof Enum || value instanceof Class) return value
        if (value instanceof hudson.util.Secret) return value.encryptedValue
        if (value instanceof Map) return value.collect { k, v -> xml(k) + '=' + xml(v) }
        if (value instanceof Collection || value.class.array) return value.collect { xml(it) }
        return value.class.name + fields(value).collect { it.name + '=' + xml(it.get(value)) }
    }

    static List fields(value) {
        List found = []
        for (Class type = value.class; type != Object; type = type.superclass) {
            found += type.declaredFields.findAll { !it.synthetic && !java.lang.reflect.Modifier.isStatic(it.modifiers) && !java.lang.reflect.Modifier.isTransient(it.modifiers) && !(it.name in ['metaClass', '$callSiteArray']) }
        }
        found.each { it.accessible = true }
    }
}

class Found implements Iterable {
    List found
    Iterator iterator() { found.iterator() }
}

interface Xml { String toXML(o) }

enum Milestone { JOB_CONFIG_ADAPTED, COMPLETED }

class Open {}

/** A cloud of somebody else's. */
class OtherCloud { String name }

class Clouds extends ArrayList {
    int replaced = 0
    void replaceBy(Collection wanted) {
        replaced++
        clear()
        addAll(wanted)
    }
}

class Context {
    private Map attributes = [:]
    def getAttribute(String name) { attributes[name] }
    void setAttribute(String name, value) { attributes[name] = value }
}

/** What holds items: Jenkins and folders. Names are unique whatever their letters' case. */
class Items {
    def owner
    private Map held = new TreeMap(String.CASE_INSENSITIVE_ORDER)
    def getItem(String name) { held[name] }
    List all() { held.values().collectMany { [it] + (it.respondsTo('allBelow') ? it.allBelow() : []) } }
    void remove(item) { held.values().remove(item) }
    def createProjectFromXML(String name, InputStream input) {
        if (held.containsKey(name)) throw new IllegalArgumentException(name + ' already exists')
        def xml = new XmlSlurper().parse(input)
        String kind = xml.name()
        def item = kind == 'project' ? new hudson.model.FreeStyleProject() : kind == 'com.cloudbees.hudson.plugins.folder.Folder' ? Class.forName(kind).newInstance()
            : kind == 'org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject' ? Class.forName(kind).newInstance() : null
        if (item == null) throw new IOException('no class ' + kind)
        item.read(xml)
        item.name = name
        item.parent = owner ?: Jenkins.instance
        held[name] = item
        item
    }
}

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
