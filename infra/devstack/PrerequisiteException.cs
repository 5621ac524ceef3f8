namespace StreamSettlement.DevStack;

/// <summary>Something that has to be on the machine is missing or too old; the message is one line that says what, and what to do.</summary>
public sealed class PrerequisiteException(string message) : DevStackException(message);
