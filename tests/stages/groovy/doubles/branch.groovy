package jenkins.branch

import com.cloudbees.hudson.plugins.folder.AbstractFolder

class MultiBranchProject extends AbstractFolder {
    static boolean FIRE_SCM_SOURCE_BUILDS_AFTER_SAVE = true
    boolean disabled
    List SCMSources = []
    Map triggers = [:]
    def computation = new Computation()
    int scans = 0
    void read(xml) {
        if (FIRE_SCM_SOURCE_BUILDS_AFTER_SAVE) scans++
        description = xml.description.text()
        disabled = xml.disabled.text() == 'true'
        // A source of a class that no plugin has is dropped in silence.
        SCMSources = xml.sources.data.'jenkins.branch.BranchSource'.source.findAll { it.@class.text() == 'org.jenkinsci.plugins.github_branch_source.GitHubSCMSource' }.collect {
            [id: it.id.text(), repoOwner: it.repoOwner.text(), repository: it.repository.text(), credentialsId: it.credentialsId.text()]
        }
        xml.triggers.children().each { triggers[it.name()] = new hudson.triggers.Trigger(this) }
    }
    void delete() { parent.respondsTo('removeItem') ? parent.removeItem(this) : parent.items.remove(this) }
    void scheduleBuild() { scans++ }
}

class Computation { def result }
