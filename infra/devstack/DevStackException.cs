namespace StreamSettlement.DevStack;

/// <summary>Something about the stack is wrong that a person has to know; the message says what happened to which part and what to do.</summary>
public class DevStackException(string message, Exception? inner = null) : Exception(message, inner);
