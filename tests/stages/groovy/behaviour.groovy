// What the doubles made from the tables have beside a field for each parameter, as the stages use it: class to members.
[
    'com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl': 'hudson.util.Secret getPassword() { hudson.util.Secret.fromString(this.@password) }',
    'com.cloudbees.jenkins.plugins.sshcredentials.impl.BasicSSHUserPrivateKey': '''
        hudson.util.Secret getPassphrase() { hudson.util.Secret.fromString(this.@passphrase) }
        List getPrivateKeys() { [privateKeySource.privateKey.plainText] }''',
    'hudson.tasks.Mailer$UserProperty': 'String getAddress() { emailAddress }',
]
