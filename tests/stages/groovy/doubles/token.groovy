package jenkins.security

class ApiTokenProperty {
    TokenStore tokenStore = new TokenStore()
}

class TokenStore {
    private List held = []
    def findMatchingToken(String plain) { held.find { it.plain == plain } }
    List getTokenListSortedByName() { held.sort(false) { it.name } }
    void revokeToken(String uuid) { held.removeAll { it.uuid == uuid } }
    void addFixedNewToken(String name, String plain) { held << new Token(name: name, plain: plain, uuid: UUID.randomUUID() as String) }
}

class Token {
    String name
    String plain
    String uuid
}
