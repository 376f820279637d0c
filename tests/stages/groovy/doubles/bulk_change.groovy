package hudson

import jenkins.model.Jenkins

/** What is saved meanwhile is not; `commit` would save at the end. */
class BulkChange {
    private final Jenkins saveable
    BulkChange(Jenkins saveable) {
        this.saveable = saveable
        saveable.bulkChange = true
    }
    void abort() { saveable.bulkChange = false }
}
