// Compiles the scripts named as arguments to classes, as a controller does, and prints what is wrong as JSON.
//
// Jenkins' own classes are not here: for each imported one that is not found an empty class of the same name stands in, so
// that the whole compiler runs, down to the byte code. Whether a method or a plugin's class exists is not seen by this.
import groovy.json.JsonOutput
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.control.MultipleCompilationErrorsException
import org.codehaus.groovy.control.Phases
import org.codehaus.groovy.control.messages.ExceptionMessage
import org.codehaus.groovy.control.messages.SyntaxErrorMessage

def standIns = new GroovyClassLoader(this.class.classLoader)
def declared = [] as Set
def problems = []

def sources = args.collect { new File(it) }
sources.each { File file ->
    file.eachLine('UTF-8') { String line ->
        def match = line =~ /^import ((?:[a-z]\w*\.)+)([A-Z]\w*)\s*;?\s*$/
        if (match.find()) {
            String name = match.group(1) + match.group(2)
            boolean known = true
            try {
                Class.forName(name, false, standIns)
            } catch (ClassNotFoundException ignored) {
                known = false
            }
            if (!known && declared.add(name)) {
                standIns.parseClass("package ${match.group(1)[0..-2]}\nclass ${match.group(2)} {}\n", name + '.groovy')
            }
        }
    }
}

sources.each { File file ->
    // One unit a file, as in Jenkins: a name that one script declares is not known in the next.
    def configuration = new CompilerConfiguration(sourceEncoding: 'UTF-8')
    def unit = new CompilationUnit(configuration, null, new GroovyClassLoader(standIns, configuration))
    unit.addSource(file)
    try {
        unit.compile(Phases.CLASS_GENERATION)
    } catch (MultipleCompilationErrorsException found) {
        found.errorCollector.errors.each { error ->
            if (error instanceof SyntaxErrorMessage) {
                problems << [file: file.path, line: error.cause.startLine, column: error.cause.startColumn, message: error.cause.originalMessage]
            } else {
                def cause = error instanceof ExceptionMessage ? error.cause : error
                problems << [file: file.path, line: 0, column: 0, message: (cause.hasProperty('message') ? cause.message : cause) as String]
            }
        }
    } catch (Throwable found) {
        // The class writer throws what it cannot write: a constant or a method that is too large.
        problems << [file: file.path, line: 0, column: 0, message: found.toString()]
    }
}

println '\n' + JsonOutput.toJson([groovy: GroovySystem.version, java: System.getProperty('java.version'), problems: problems, standIns: declared.sort()])
