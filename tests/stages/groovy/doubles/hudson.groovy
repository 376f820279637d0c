package hudson.util

class Secret {
    private static int count = 0
    private String text
    static Secret fromString(String text) { new Secret(text: text) }
    static Secret decrypt(String stored) {
        def match = new String(stored[1..-2].decodeBase64(), 'UTF-8') =~ /(?s)^secret (\d+) (.*)$/
        match.matches() ? fromString(match.group(2)) : null
    }
    String getPlainText() { text }
    String getEncryptedValue() { '{' + "secret ${++count} ${text}".toString().getBytes('UTF-8').encodeBase64() + '}' }
    String toString() { text } // as in Jenkins: which is why no message of ours may show one
}
