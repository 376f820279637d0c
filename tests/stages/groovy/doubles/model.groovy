package hudson.model

interface TaskListener { TaskListener NULL = null }

class User {
    static Map all = [:]
    String id
    List properties = []
    static User getById(String id, boolean create) { all[id] ?: (create ? (all[id] = new User(id: id)) : null) }
    def getProperty(Class type) { properties.find { type.isInstance(it) } }
}
