"""Repositories to job definitions: jenkins-job-builder data, XML, the seed that an image carries. Calls nobody."""
