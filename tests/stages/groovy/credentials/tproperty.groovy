package com.cloudbees.hudson.plugins.folder.properties

import com.cloudbees.plugins.credentials.domains.DomainCredentials

class FolderCredentialsProvider {
    static class FolderCredentialsProperty {
        def store = new com.cloudbees.plugins.credentials.Store()
        FolderCredentialsProperty(DomainCredentials[] credentials) {}
    }
}
