package sample

enum Mode { NORMAL, EXCLUSIVE }

class Template {
    static final Map PARAMETERS = [ami: String, numExecutors: String, mode: Mode, minimum: int, stop: boolean, password: hudson.util.Secret, tags: List, '?extra': String]
    String ami
    String numExecutors
    Mode mode
    int minimum
    boolean stop
    hudson.util.Secret password
    List tags
    String extra
}
