// Compiles scripts to classes, as a controller does, and prints what is wrong as JSON. The first argument is the folder that
// gets the classes, those of each script in one of its own that is named like the script; the others are the scripts.
//
// Jenkins' own classes are not here: for each imported one that is not found an empty class of the same name stands in, so
// that the whole compiler runs, down to the byte code. Whether a method or a plugin's class exists is not seen by this. Nor
// does the byte code depend on it, as Groovy looks for methods when it runs: Jenkins runs these classes as they are. For that
// a stand-in must be as Java makes a class, and not one of Groovy's own, whose members Groovy calls in another way.
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

/** A public class with nothing in it, as the Java Virtual Machine Specification has it in chapter 4. */
byte[] empty(String name) {
    def bytes = new ByteArrayOutputStream()
    new DataOutputStream(bytes).with {
        writeInt(0xCAFEBABE as int)
        writeInt(49) // Java 5
        writeShort(5) // one more than the constants that follow: two classes, each with its name
        [name.replace('.', '/'), 'java/lang/Object'].eachWithIndex { String each, int place ->
            writeByte(1)
            writeUTF(each)
            writeByte(7)
            writeShort(2 * place + 1)
        }
        [0x21, 2, 4, 0, 0, 0, 0].each { writeShort(it) } // public, its class and that above; no interface, field, method, attribute
    }
    return bytes.toByteArray()
}

def folder = new File(args[0])
def sources = args.drop(1).collect { new File(it) }
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
                standIns.defineClass(name, empty(name))
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
        unit.classes.each { made ->
            def target = new File(new File(folder, file.name - '.groovy'), made.name.replace('.', '/') + '.class')
            target.parentFile.mkdirs()
            target.bytes = made.bytes
        }
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
