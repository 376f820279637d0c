package org.jenkinsci.plugins.github

import jenkins.model.JenkinsLocationConfiguration

class GitHubPlugin {
    private static final Configuration CONFIGURATION = new Configuration()
    static Configuration configuration() { CONFIGURATION }
}

class Configuration {
    List configs = []
    List hookSecretConfigs = []
    int saves = 0
    private URL other
    boolean isOverrideHookUrl() { other != null }
    URL getHookUrl() { other ?: new URL(JenkinsLocationConfiguration.instance.url + 'github-webhook/') }
    void setHookUrl(String url) { other = url == null ? null : new URL(url) }
    void save() { saves++ }
}
