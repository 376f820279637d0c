// Parameters as the constructors of the plugin's sources have them.
package org.jenkinsci.plugins.oic

import hudson.util.Secret

class OicSecurityRealm extends hudson.security.SecurityRealm {
    static final Map PARAMETERS = [clientId: String, clientSecret: Secret, serverConfiguration: Object, disableSslVerification: Boolean, userIdStrategy: Object, groupIdStrategy: Object, '?userNameField': String]
    String clientId
    Secret clientSecret
    def serverConfiguration
    Boolean disableSslVerification
    def userIdStrategy
    def groupIdStrategy
    String userNameField
}

class OicServerWellKnownConfiguration {
    static final Map PARAMETERS = [wellKnownOpenIDConfigurationUrl: String, '?scopesOverride': String]
    String wellKnownOpenIDConfigurationUrl
    String scopesOverride
}
