package org.springframework.security.core.userdetails

interface UserDetailsService { def loadUserByUsername(String name) }

class User {
    final String username
    final String password
    final Collection authorities
    User(String username, String password, Collection authorities) {
        this.username = username
        this.password = password
        this.authorities = authorities
    }
}
