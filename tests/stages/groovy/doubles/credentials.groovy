package com.cloudbees.plugins.credentials

import com.cloudbees.plugins.credentials.domains.Domain

class SystemCredentialsProvider {
    static SystemCredentialsProvider instance = new SystemCredentialsProvider()
    Store store = new Store()
}

/** A store that knows the global domain only, and an id once. */
class Store {
    private List held = []
    int writes = 0
    private void check(domain) { if (!domain.is(Domain.global())) throw new IllegalArgumentException('another domain') }
    List getCredentials(Domain domain) { check(domain); held.collect() }
    boolean addCredentials(Domain domain, credential) {
        check(domain)
        if (held.any { it.id == credential.id }) return false
        writes++
        held.add(credential)
    }
    boolean updateCredentials(Domain domain, old, credential) {
        check(domain)
        int at = held.findIndexOf { it.is(old) }
        if (at < 0) return false
        writes++
        held[at] = credential
        true
    }
    boolean removeCredentials(Domain domain, old) { check(domain); writes++; held.removeAll { it.is(old) } }
}

class SecretBytes {
    private byte[] data
    static SecretBytes fromBytes(byte[] data) { new SecretBytes(data: data) }
    byte[] getPlainData() { data }
}
