package com.cloudbees.hudson.plugins.folder

class AbstractFolder {
    Map properties = [:]
    void addProperty(property) { properties[property.class] = property }
}
