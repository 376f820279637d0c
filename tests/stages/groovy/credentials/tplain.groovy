package org.jenkinsci.plugins.plaincredentials.impl

import com.cloudbees.plugins.credentials.Credential
import com.cloudbees.plugins.credentials.CredentialsScope
import com.cloudbees.plugins.credentials.SecretBytes
import hudson.util.Secret

class StringCredentialsImpl extends Credential {
    static final Map PARAMETERS = [scope: CredentialsScope, id: String, description: String, secret: Secret]
    Secret secret
}

class FileCredentialsImpl extends Credential {
    static final Map PARAMETERS = [scope: CredentialsScope, id: String, description: String, file: Object, fileName: String, secretBytes: SecretBytes]
    def file
    String fileName
    SecretBytes secretBytes
}
