import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import javax.naming.NamingEnumeration;
import javax.naming.NamingException;
import javax.naming.directory.Attribute;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;
import javax.security.auth.x500.X500Principal;

/**
 * The JDK under test, with its provider SUN; it has no CSRs.
 *
 * <p>The target's own: an otherName is taken apart, which the JDK brings as DER.
 */
final class Jdk {
  private static final byte[] HARDWARE = HexFormat.of().parseHex("06082B06010505070804");

  public static void main(String[] args) throws Exception {
    String hello = "jdk-" + Runtime.version().feature() + " chain,time,crl,rsa";
    Lines.serve(hello, new Paths("SUN", Jdk::facts)::judge);
  }

  private static String facts(X509Certificate from) throws Exception {
    Identity read = new Identity(from.getKeyUsage());
    String subject = from.getSubjectX500Principal().getName(X500Principal.RFC2253);
    for (Rdn rdn : new LdapName(subject).getRdns()) {
      NamingEnumeration<? extends Attribute> every = rdn.toAttributes().getAll();
      while (every.hasMore()) {
        readAttribute(read, every.next());
      }
    }
    Collection<List<?>> names = from.getSubjectAlternativeNames();
    for (List<?> name : names == null ? List.<List<?>>of() : names) {
      if (name.get(0).equals(0) && name.get(1) instanceof byte[] der) {
        readOtherName(read, der);
      }
    }
    return read.words();
  }

  private static void readAttribute(Identity read, Attribute attribute) throws NamingException {
    for (int i = 0; i < attribute.size(); i++) {
      Object value = attribute.get(i);
      if (attribute.getID().equals("OU")) {
        read.units.add(String.valueOf(value));
      } else if (attribute.getID().equals("2.5.4.45") && value instanceof byte[] der) {
        // A BIT STRING: behind its tag and length is the octet of unused bits.
        boolean whole = der.length > 3 && der[2] == 0;
        read.identities.add(Arrays.copyOfRange(der, whole ? 3 : der.length, der.length));
      }
    }
  }

  /**
   * Reads the serial of { OID, [0] { SEQUENCE { OID hwType, OCTET STRING } } }, all of it below 128
   * octets. JDK 17 wraps the value in [0] twice.
   */
  private static void readOtherName(Identity read, byte[] der) {
    int at = 2 + HARDWARE.length;
    if (der.length < at || !Arrays.equals(HARDWARE, 0, HARDWARE.length, der, 2, at)) {
      return;
    }
    while (at + 1 < der.length && der[at] == (byte) 0xA0) {
      at += 2;
    }
    at += 2; // into the SEQUENCE
    at += at + 1 < der.length ? 2 + der[at + 1] : 0; // past the type
    if (at + 1 < der.length && der[at] == 4 && at + 2 + der[at + 1] == der.length) {
      read.identities.add(Arrays.copyOfRange(der, at + 2, der.length));
    }
  }
}
