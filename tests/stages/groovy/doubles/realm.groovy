// What every realm of Jenkins has in common.
package hudson.security

import org.springframework.security.core.userdetails.UserDetailsService

class SecurityRealm {
    static final String AUTHENTICATED_AUTHORITY2 = 'authenticated'
    private transient SecurityComponents securityComponents
    SecurityComponents getSecurityComponents() {
        securityComponents = securityComponents ?: new SecurityComponents('manager', new Nobody(), 'remember me')
    }
}

class SecurityComponents {
    final def manager2
    final UserDetailsService userDetails2
    final def rememberMe2
    SecurityComponents(manager, UserDetailsService users, rememberMe) {
        manager2 = manager
        userDetails2 = users
        rememberMe2 = rememberMe
    }
}

class Nobody implements UserDetailsService {
    def loadUserByUsername(String name) { throw new IllegalArgumentException('there is no ' + name) }
}
