import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** What was read in a certificate; of what is there twice, nothing is said. */
final class Identity {
  /** Of the subject's unique identifier, or the serial of a hardwareModuleName. */
  final List<byte[]> identities = new ArrayList<>();

  /** The subject's OU: the role, or the Signifier of DCCKI. */
  final List<String> units = new ArrayList<>();

  private final boolean[] keyUsage;

  Identity(boolean[] keyUsage) {
    this.keyUsage = keyUsage;
  }

  /** The facts of an answer. */
  String words() {
    List<String> words = new ArrayList<>();
    if (identities.size() == 1 && identities.get(0).length == 8) {
      words.add("eui64=" + HexFormat.of().withUpperCase().formatHex(identities.get(0)));
    }
    List<String> usages = new ArrayList<>();
    if (keyUsage != null && keyUsage[0]) {
      usages.add("digital-signature");
    }
    if (keyUsage != null && keyUsage[4]) {
      usages.add("key-agreement");
    }
    if (!usages.isEmpty()) {
      words.add("usage=" + String.join(",", usages));
    }
    if (units.size() == 1) {
      String unit = units.get(0).replaceAll("[^!-~]", "?");
      words.add("role=" + unit + " signifier=" + unit);
    }
    return String.join(" ", words);
  }
}
