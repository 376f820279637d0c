package com.cloudbees.plugins.credentials.impl

import com.cloudbees.plugins.credentials.Credential
import com.cloudbees.plugins.credentials.CredentialsScope
import hudson.util.Secret

class UsernamePasswordCredentialsImpl extends Credential {
    static final Map PARAMETERS = [scope: CredentialsScope, id: String, description: String, username: String, password: String, '?usernameSecret': boolean]
    String username
    Secret password
    void setPassword(String text) { password = Secret.fromString(text) }
}
