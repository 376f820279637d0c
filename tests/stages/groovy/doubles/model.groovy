package hudson.model

interface TaskListener { TaskListener NULL = null }

class User {
    static Map all = [:]
    String id
    String fullName
    List properties = []
    int saves = 0
    static User getById(String id, boolean create) { all[id] ?: (create ? (all[id] = new User(id: id, fullName: id)) : null) }
    def getProperty(Class type) { properties.find { type.isInstance(it) } }
    void addProperty(property) {
        properties.removeAll { it.class == property.class }
        properties.add(property)
    }
    void save() { saves++ }
}

class AbstractProject {
    String name
    def parent
    String description
    boolean disabled
    String getFullName() { parent.respondsTo('getFullName') ? parent.fullName + '/' + name : name }
    void read(xml) { description = xml.description.text() }
}

class FreeStyleProject extends AbstractProject {}
