package hudson.security

import hudson.model.User

class HudsonPrivateSecurityRealm extends SecurityRealm {
    static final Map PARAMETERS = [allowsSignup: boolean, enableCaptcha: boolean, captchaSupport: Object]
    boolean allowsSignup
    boolean enableCaptcha
    def captchaSupport
    boolean allowsSignup() { allowsSignup }
    User createAccount(String name, String password) {
        User user = User.getById(name, true)
        user.properties.removeAll { it instanceof Details }
        user.properties << new Details(password: password)
        user
    }
    static class Details {
        String password
        boolean isPasswordCorrect(String candidate) { candidate == password }
    }
}

class Permission {
    String id
    static Permission fromId(String id) { id.startsWith('hudson.') ? new Permission(id: id) : null }
}

class GlobalMatrixAuthorizationStrategy {
    TreeSet<String> granted = []
    void add(Permission permission, org.jenkinsci.plugins.matrixauth.PermissionEntry who) { granted << permission.id + ':' + who.type + ':' + who.name }
}

class LDAPSecurityRealm extends SecurityRealm {
    static final Map PARAMETERS = [configurations: List, disableMailAddressResolver: boolean, cache: Object, userIdStrategy: Object, groupIdStrategy: Object]
    List configurations
    boolean disableMailAddressResolver
    def cache
    def userIdStrategy
    def groupIdStrategy
}
