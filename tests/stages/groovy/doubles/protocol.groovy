package jenkins

class AgentProtocol {
    static List known = [[name: 'JNLP4-connect'], [name: 'Ping']]
    static List all() { known }
}
