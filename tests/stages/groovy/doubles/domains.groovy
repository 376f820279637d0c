package com.cloudbees.plugins.credentials.domains

class Domain {
    private static final Domain GLOBAL = new Domain()
    static Domain global() { GLOBAL }
}

class DomainCredentials {}
