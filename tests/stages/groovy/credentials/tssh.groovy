package com.cloudbees.jenkins.plugins.sshcredentials.impl

import com.cloudbees.plugins.credentials.Credential
import com.cloudbees.plugins.credentials.CredentialsScope
import hudson.util.Secret

class BasicSSHUserPrivateKey extends Credential {
    static final Map PARAMETERS = [scope: CredentialsScope, id: String, username: String, privateKeySource: Object, passphrase: String, description: String]
    String username
    def privateKeySource
    Secret passphrase
    void setPassphrase(String text) { passphrase = Secret.fromString(text) }
    List<String> getPrivateKeys() { [privateKeySource.privateKey.plainText] }

    static class DirectEntryPrivateKeySource {
        static final Map PARAMETERS = [privateKey: Secret]
        Secret privateKey
    }
}
