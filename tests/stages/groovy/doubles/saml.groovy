// Parameters as the constructors of the plugin's sources have them.
package org.jenkinsci.plugins.saml

class SamlSecurityRealm extends hudson.security.SecurityRealm {
    static final Map PARAMETERS = [idpMetadataConfiguration: Object, displayNameAttributeName: String, groupsAttributeName: String, maximumAuthenticationLifetime: Integer, usernameAttributeName: String, emailAttributeName: String, logoutUrl: String, advancedConfiguration: Object, encryptionData: Object, usernameCaseConversion: String, binding: String, samlCustomAttributes: List]
    def idpMetadataConfiguration
    String displayNameAttributeName
    String groupsAttributeName
    Integer maximumAuthenticationLifetime
    String usernameAttributeName
    String emailAttributeName
    String logoutUrl
    def advancedConfiguration
    def encryptionData
    String usernameCaseConversion
    String binding
    List samlCustomAttributes
}

class IdpMetadataConfiguration {
    static final Map PARAMETERS = [xml: String, url: String, period: Long]
    String xml
    String url
    Long period
}
