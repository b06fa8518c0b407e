import java.util.Date;
import java.util.List;

/**
 * What is asked of a library.
 *
 * @param kind {@code certificate}, {@code CRL} or {@code CSR}
 * @param tested the document under test
 * @param at the time to judge at
 * @param root the CA to trust
 * @param chain the CAs in between, the issuer first
 * @param crls those to judge the certificate by, or the one under test
 * @param certificate the one that is judged; of a CRL, the one whose status is asked
 */
record Question(
    String kind,
    byte[] tested,
    Date at,
    byte[] root,
    List<byte[]> chain,
    List<byte[]> crls,
    byte[] certificate) {}
