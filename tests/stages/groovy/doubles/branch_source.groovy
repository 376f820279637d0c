package org.jenkinsci.plugins.github_branch_source

class GitHubConfiguration {
    private static final GitHubConfiguration INSTANCE = new GitHubConfiguration()
    List endpoints = []
    static GitHubConfiguration get() { INSTANCE }
}
