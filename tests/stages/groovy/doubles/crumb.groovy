package hudson.security.csrf

class DefaultCrumbIssuer {
    static final Map PARAMETERS = [excludeClientIPFromCrumb: boolean]
    boolean excludeClientIPFromCrumb
}
