// Doubles of the stores of credentials, kept apart as only some tests want them: a store in memory that counts what is written.
package com.cloudbees.plugins.credentials

class SystemCredentialsProvider {
    static SystemCredentialsProvider instance = new SystemCredentialsProvider()
    def store = new Store()
    static SystemCredentialsProvider getInstance() { instance }
}

class Store {
    List all = []
    int writes = 0
    List getCredentials(domain) { all.collect() }
    boolean addCredentials(domain, credential) { writes++; all << credential }
    boolean updateCredentials(domain, old, credential) { writes++; all[all.indexOf(old)] = credential; true }
    boolean removeCredentials(domain, old) { writes++; all.remove(old) }
}

enum CredentialsScope { SYSTEM, GLOBAL, USER }

class SecretBytes {
    byte[] plainData
    static SecretBytes fromBytes(byte[] data) { new SecretBytes(plainData: data) }
}

class Credential {
    CredentialsScope scope
    String id
    String description
    String getId() { id }
    String getDescription() { description }
}
