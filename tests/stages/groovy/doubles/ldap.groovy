package jenkins.security.plugins.ldap

import hudson.util.Secret

class LDAPConfiguration {
    static final Map PARAMETERS = [server: String, rootDN: String, inhibitInferRootDN: boolean, managerDN: String, managerPasswordSecret: Secret, '?userSearch': String]
    String server
    String rootDN
    boolean inhibitInferRootDN
    String managerDN
    Secret managerPasswordSecret
    String userSearch
}
