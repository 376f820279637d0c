package hudson.security

import hudson.model.User

class HudsonPrivateSecurityRealm extends SecurityRealm {
    static final Map PARAMETERS = [allowsSignup: boolean, enableCaptcha: boolean, captchaSupport: Object]
    boolean allowsSignup
    boolean enableCaptcha
    def captchaSupport
    boolean allowsSignup() { allowsSignup }
    /** What it makes is told from another's by its look alone. */
    static class MultiPasswordEncoder {
        String encode(CharSequence password) {
            '#jbcrypt:$2a$10$' + password.toString().bytes.encodeHex().toString().padRight(53, '.').substring(0, 53)
        }
    }
    static final MultiPasswordEncoder PASSWORD_ENCODER = new MultiPasswordEncoder()
    User createAccount(String name, String password) {
        User user = User.getById(name, true)
        user.properties.removeAll { it instanceof Details }
        user.properties << new Details(password: password)
        user
    }
    User createAccountWithHashedPassword(String name, String hashed) {
        // HudsonPrivateSecurityRealm.JBCryptEncoder
        if (!(hashed ==~ /#jbcrypt:\$2a\$([0-9]{2})\$.{53}/)) {
            throw new IllegalArgumentException('The hashed password was hashed with the correct algorithm but the format was not correct')
        }
        createAccount(name, hashed)
    }
    static class Details {
        String password
        boolean isPasswordCorrect(String candidate) { password in [candidate, PASSWORD_ENCODER.encode(candidate)] }
    }
}

class Permission {
    String id
    static Permission fromId(String id) { id.startsWith('hudson.') ? new Permission(id: id) : null }
    static List<Permission> getAll() { ['hudson.model.Hudson.Administer', 'hudson.model.Hudson.Read', 'hudson.model.Item.Read'].collect { fromId(it) } }
}

class GlobalMatrixAuthorizationStrategy {
    /** What a plugin gives besides. */
    static List besides = []
    TreeSet<String> granted = []
    /** Names are compared without case, and an administrator may do everything. */
    def getRootACL() { this }
    boolean hasPermission2(who, Permission permission) {
        permission.id in besides || granted.any { String entry ->
            def (String id, String kind, String name) = entry.split(':')
            name.equalsIgnoreCase(who) && id in [permission.id, 'hudson.model.Hudson.Administer']
        }
    }
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
