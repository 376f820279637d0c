package com.cloudbees.plugins.credentials.domains

class Domain {
    static Domain global() { null }
}

class DomainCredentials {}
