package com.cloudbees.hudson.plugins.folder.properties

import com.cloudbees.plugins.credentials.Store
import com.cloudbees.plugins.credentials.domains.DomainCredentials

class FolderCredentialsProvider$FolderCredentialsProperty {
    static final Map PARAMETERS = [domainCredentials: DomainCredentials[]]
    Store store = new Store()
    FolderCredentialsProvider$FolderCredentialsProperty(DomainCredentials[] domainCredentials) {}
}
