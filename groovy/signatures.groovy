// For the script console of a running Jenkins: prints as JSON what DescribableModel knows of the classes that the stages build.
//
// The same form as groovy/signatures/*.json, which are read from sources: a parameter is "name: erased type", a "?" before one
// that may be absent. It changes nothing. Where a variable `classes` is bound, those are told instead of the ones below.
import groovy.json.JsonOutput
import jenkins.model.Jenkins
import org.jenkinsci.plugins.structs.describable.DescribableModel

def wanted = binding.hasVariable('classes') ? binding.getVariable('classes') as List : [
    'com.cloudbees.hudson.plugins.folder.properties.FolderCredentialsProvider$FolderCredentialsProperty',
    'com.cloudbees.jenkins.plugins.sshcredentials.impl.BasicSSHUserPrivateKey',
    'com.cloudbees.jenkins.plugins.sshcredentials.impl.BasicSSHUserPrivateKey$DirectEntryPrivateKeySource',
    'com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl',
    'hudson.markup.RawHtmlMarkupFormatter',
    'hudson.plugins.ec2.EC2Cloud',
    'hudson.plugins.ec2.EC2Tag',
    'hudson.plugins.ec2.SlaveTemplate',
    'hudson.plugins.ec2.SpotConfiguration',
    'hudson.plugins.ec2.UnixData',
    'hudson.security.HudsonPrivateSecurityRealm',
    'hudson.security.LDAPSecurityRealm',
    'hudson.security.csrf.DefaultCrumbIssuer',
    'hudson.tasks.Mailer$UserProperty',
    'jenkins.security.plugins.ldap.LDAPConfiguration',
    'org.jenkinsci.plugins.GithubSecurityRealm',
    'org.jenkinsci.plugins.github.config.GitHubServerConfig',
    'org.jenkinsci.plugins.github.config.HookSecretConfig',
    'org.jenkinsci.plugins.github_branch_source.Endpoint',
    'org.jenkinsci.plugins.github_branch_source.GitHubAppCredentials',
    'org.jenkinsci.plugins.github_branch_source.app_credentials.AccessSpecifiedRepositories',
    'org.jenkinsci.plugins.matrixauth.PermissionEntry',
    'org.jenkinsci.plugins.oic.OicSecurityRealm',
    'org.jenkinsci.plugins.oic.OicServerWellKnownConfiguration',
    'org.jenkinsci.plugins.plaincredentials.impl.FileCredentialsImpl',
    'org.jenkinsci.plugins.plaincredentials.impl.StringCredentialsImpl',
    'org.jenkinsci.plugins.saml.IdpMetadataConfiguration',
    'org.jenkinsci.plugins.saml.SamlSecurityRealm',
]

def manager = Jenkins.get().pluginManager
Map<String, Class> found = [:]
Map absent = [:]
wanted.each { String name ->
    try {
        found[name] = manager.uberClassLoader.loadClass(name)
    } catch (ClassNotFoundException ignored) {
        absent[name] = 'in no active plugin'
    }
}
Map classes = [:]
Map enums = [:]
Set<Class> types = new LinkedHashSet<>()
found.each { String name, Class type ->
    def model
    try {
        model = DescribableModel.of(type)
    } catch (IllegalArgumentException problem) {
        absent[name] = problem.message
        return
    }
    classes[name] = model.parameters.collect { parameter ->
        Class erased = parameter.erasedType
        types.add(erased)
        if (erased.isEnum()) {
            enums[erased.typeName] = erased.enumConstants*.name()
        }
        (parameter.required ? '' : '?') + parameter.name + ': ' + erased.typeName
    }
}
// Which of the parameters' types each class is one of: a double of it must be that too.
Map kinds = found.findAll { name, type -> classes.containsKey(name) }.collectEntries { String name, Class type ->
    [(name): types.findAll { it != Object && it != type && it.isAssignableFrom(type) }*.typeName.sort()]
}.findAll { it.value }
Map plugins = classes.keySet().collectEntries { String name ->
    def plugin = manager.whichPlugin(found[name])
    [(name): plugin == null ? null : plugin.shortName]
}
println JsonOutput.toJson([
    core: Jenkins.VERSION,
    plugins: plugins.values().findAll().unique().sort().collectEntries { [(it): manager.getPlugin(it).version] },
    classes: classes.sort(), from: plugins.sort(), kinds: kinds.sort(), enums: enums.sort(), absent: absent.sort(),
])
