package org.jenkinsci.plugins.matrixauth

class PermissionEntry {
    String type
    String name
    static PermissionEntry user(String name) { new PermissionEntry(type: 'USER', name: name) }
    static PermissionEntry group(String name) { new PermissionEntry(type: 'GROUP', name: name) }
}
